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

{{- /* The annotations of an Incident that record who wrote a field, by the field. */}}
{{- define "runbook-operator.admission.authors" -}}
{acknowledged: acknowledged-by, resolved: resolved-by, note: noted-by, opened: opened-by}
{{- end }}

{{- /* For each of these annotations: the value before, as written, and right. It is "TIME USER" of the write that
changed the field. CEL has no clock: the newest time in managedFields is the time of this write. */}}
{{- define "runbook-operator.admission.authorship" -}}
- name: times
  expression: "object.metadata.?managedFields.orValue([]).filter(m, has(m.time)).map(m, string(m.time))"
- name: writer
  expression: "(variables.times == [] ? '' : variables.times.max()) + ' ' + request.userInfo.username"
{{- range $field, $annotation := fromYaml (include "runbook-operator.admission.authors" .) }}
- name: {{ $field }}Before
  expression: "oldObject == null ? '' : oldObject.metadata.?annotations[?'runbooks.dev/{{ $annotation }}'].orValue('')"
- name: {{ $field }}Written
  expression: "object.metadata.?annotations[?'runbooks.dev/{{ $annotation }}'].orValue('')"
- name: {{ $field }}Changed
  {{- if eq $field "opened" }}
  expression: "oldObject == null"
  {{- else }}
  expression: "oldObject == null || object.spec.?{{ $field }} != oldObject.spec.?{{ $field }}"
  {{- end }}
- name: {{ $field }}Right
  expression: >-
    {{- if eq $field "opened" }}
    !variables.openedChanged ? variables.openedBefore
    : object.spec.?cause.?source.orValue('Person') == 'Person' ? variables.writer : ''
    {{- else }}
    !variables.{{ $field }}Changed ? variables.{{ $field }}Before
    : object.spec.?{{ $field }}.orValue({{ eq $field "note" | ternary "''" "false" }}) == {{ eq $field "note" | ternary "''" "false" }} ? '' : variables.writer
    {{- end }}
{{- end }}
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
