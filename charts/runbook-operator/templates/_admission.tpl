{{- /* The name of a policy: cluster-wide, so that it is the release's alone. (list . "switches") */}}
{{- define "runbook-operator.admission" -}}
{{- $root := index . 0 -}}
{{ printf "%s.%s.%s" (include "runbook-operator.fullname" $root) $root.Release.Namespace (index . 1) }}
{{- end }}

{{- /* Whom the API server takes the operator for. */}}
{{- define "runbook-operator.admission.operator" -}}
{{ printf "system:serviceaccount:%s:%s" .Release.Namespace (include "runbook-operator.serviceAccountName" .) }}
{{- end }}

{{- /* What a policy looks at. (list "switches" "CREATE" "UPDATE") */}}
{{- define "runbook-operator.admission.rules" -}}
- apiGroups: [runbooks.dev]
  apiVersions: ["*"]
  resources: {{ splitList "," (first .) | toJson }}
  operations: {{ rest . | toJson }}
{{- end }}

{{- /* Everybody but the operator and those whom the administrator trusts. */}}
{{- define "runbook-operator.admission.others" -}}
- name: not-exempt
  expression: >-
    !(request.userInfo.username in {{ prepend .Values.admission.exemptUsers (include "runbook-operator.admission.operator" .) | toJson }})
{{- end }}

{{- /* The stamp of who wrote the spec, and when: before, as it was written, and as it is to be. CEL has no clock here;
the newest time in managedFields is the time of this very write, in which the API server notes its fields. */}}
{{- define "runbook-operator.admission.word" -}}
- name: spoken
  expression: "oldObject == null || object.spec != oldObject.spec"
- name: before
  expression: "oldObject == null ? '' : oldObject.metadata.?annotations[?'runbooks.dev/engaged-by'].orValue('')"
- name: written
  expression: "object.metadata.?annotations[?'runbooks.dev/engaged-by'].orValue('')"
- name: times
  expression: "object.metadata.?managedFields.orValue([]).filter(m, has(m.time)).map(m, string(m.time))"
- name: generation
  expression: "string(oldObject == null ? 1 : oldObject.metadata.generation + 1)"
- name: user
  expression: "variables.generation + ' ' + request.userInfo.username"
- name: stamp
  expression: >-
    !variables.spoken ? variables.before : !has(object.spec.engaged) ? '' : variables.times == [] ? variables.user
    : variables.generation + ' ' + variables.times.max() + ' ' + request.userInfo.username
{{- end }}

{{- /* The binding of a policy to the namespaces that the operator serves. (list . "switches"), or with a third item
where a violation has another consequence than admission.validationActions. */}}
{{- define "runbook-operator.admission.binding" -}}
{{- $root := index . 0 -}}
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata:
  name: {{ include "runbook-operator.admission" . }}
  labels: {{- include "runbook-operator.labels" $root | nindent 4 }}
spec:
  policyName: {{ include "runbook-operator.admission" . }}
  validationActions: {{ (eq (len .) 3 | ternary (rest (rest .)) $root.Values.admission.validationActions) | toJson }}
  {{- include "runbook-operator.admission.scope" $root | nindent 2 }}
{{- end }}

{{- /* The namespaces that the operator serves; every namespace has the label. */}}
{{- define "runbook-operator.admission.scope" -}}
{{- with .Values.scope.namespaces -}}
matchResources:
  namespaceSelector:
    matchExpressions:
      - key: kubernetes.io/metadata.name
        operator: In
        values: {{ . | toJson }}
{{- end }}
{{- end }}
