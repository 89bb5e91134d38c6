{{/* What all objects are called. */}}
{{- define "runbook-operator.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* The labels of every object. */}}
{{- define "runbook-operator.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{/* The labels by which the operator's pods are chosen, and those of the test are not. */}}
{{- define "runbook-operator.selectorLabels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end -}}

{{- define "runbook-operator.serviceAccountName" -}}
{{- .Values.serviceAccount.name | default (include "runbook-operator.fullname" .) -}}
{{- end -}}

{{- define "runbook-operator.image" -}}
{{- $tag := .Values.image.tag | default .Chart.AppVersion -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else if eq $tag "latest" -}}
{{- fail "image.tag: latest is another image tomorrow, and a restart at night would take it. Name a version, or set image.digest." -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository $tag -}}
{{- end -}}
{{- end -}}

{{/* What every pod of the release must be, and may not do. */}}
{{- define "runbook-operator.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "runbook-operator.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* The environment that the chart makes of its values: a JSON map of names to texts. */}}
{{- define "runbook-operator.environment" -}}
{{- $environment := dict "RUNBOOK_LEASE_NAMESPACE" .Release.Namespace "RUNBOOK_LEASE_NAME" (include "runbook-operator.fullname" .) -}}
{{- $_ := set $environment "RUNBOOK_ALLOWED_ACTIONS" (toJson .Values.rights.actions) -}}
{{- $_ := set $environment "RUNBOOK_ENFORCE_PROBES" (toJson .Values.rights.probes) -}}
{{- $_ := set $environment "RUNBOOK_HELM_RELEASE" .Release.Name -}}
{{- with .Values.scope.namespaces -}}
{{- $_ := set $environment "RUNBOOK_NAMESPACES" (toJson .) -}}
{{- end -}}
{{- if .Values.metricSources.sources -}}
{{- $_ := set $environment "RUNBOOK_METRIC_SOURCES" "/etc/metric-sources/config/sources.yaml" -}}
{{- end -}}
{{- if .Values.channels.entries -}}
{{- $_ := set $environment "RUNBOOK_CHANNELS" "/etc/channels/config/channels.yaml" -}}
{{- end -}}
{{- range $name, $value := .Values.settings -}}
{{- $_ := set $environment (printf "RUNBOOK_%s" ($name | snakecase | upper)) (ternary $value (toJson $value) (kindIs "string" $value)) -}}
{{- end -}}
{{- toJson $environment -}}
{{- end -}}

{{/* "true" if a namespace is being deleted: the API server then refuses every new object in it, and with it the whole
upgrade. `helm template` asks no cluster, and finds no namespace. */}}
{{- define "runbook-operator.isTerminating" -}}
{{- if dig "metadata" "deletionTimestamp" "" (lookup "v1" "Namespace" "" .) -}}true{{- end -}}
{{- end -}}

{{/* The namespaces of the values that are being deleted, as a JSON list. */}}
{{- define "runbook-operator.terminating" -}}
{{- $found := list -}}
{{- range concat (.Values.scope.namespaces | default list) .Values.rights.impersonation | uniq -}}
{{- if include "runbook-operator.isTerminating" . -}}
{{- $found = append $found . -}}
{{- end -}}
{{- end -}}
{{- toJson $found -}}
{{- end -}}

{{/* Sentences about values that do not go together. */}}
{{- define "runbook-operator.validate" -}}
{{- with .Values.settings -}}
{{- if ge (float64 .renewDeadlineSeconds) (float64 .leaseSeconds) -}}
{{- fail "settings.renewDeadlineSeconds must be less than settings.leaseSeconds: a leader has to stop before another one may begin." -}}
{{- end -}}
{{- if ge (float64 .retrySeconds) (float64 .renewDeadlineSeconds) -}}
{{- fail "settings.retrySeconds must be less than settings.renewDeadlineSeconds: a leader would stop before it tried to renew." -}}
{{- end -}}
{{- end -}}
{{- if and .Values.settings.auditFile (not .Values.extraVolumeMounts) -}}
{{- fail "settings.auditFile needs a folder that can be written to: the root file system cannot. Mount one by extraVolumes and extraVolumeMounts." -}}
{{- end -}}
{{- if and (not .Values.serviceAccount.create) (not .Values.serviceAccount.name) -}}
{{- fail "serviceAccount.create is false: say which account to use in serviceAccount.name. The namespace's default account is every pod's, and would have the operator's rights." -}}
{{- end -}}
{{- if and .Values.metricSources.secrets (not .Values.metricSources.sources) -}}
{{- fail "metricSources.secrets are mounted for metricSources.sources, and there are none." -}}
{{- end -}}
{{- if and .Values.channels.secrets (not .Values.channels.entries) -}}
{{- fail "channels.secrets are mounted for channels.entries, and there are none." -}}
{{- end -}}
{{- $made := include "runbook-operator.environment" . | fromJson -}}
{{- range .Values.extraEnv -}}
{{- if hasKey $made .name -}}
{{- fail (printf "extraEnv: %s is set by the chart; use settings, scope, metricSources or channels." .name) -}}
{{- end -}}
{{- end -}}
{{- include "runbook-operator.validate.namespaces" . -}}
{{- end -}}

{{/* A RoleBinding goes into each of these namespaces: one that is missing is named before anything is applied. */}}
{{- define "runbook-operator.validate.namespaces" -}}
{{- /* `helm template` asks no cluster, and finds nothing at all. */}}
{{- if and .Values.rights.create (lookup "v1" "Namespace" "" "default") -}}
{{- range $value, $names := dict "scope.namespaces" .Values.scope.namespaces "rights.impersonation" .Values.rights.impersonation -}}
{{- range $names -}}
{{- if not (or (eq . $.Release.Namespace) (lookup "v1" "Namespace" "" .)) -}}
{{- fail (printf "%s: there is no namespace %s. Create it with `kubectl create namespace %s` and run the same command again, or leave it out; nothing was changed." $value . .) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
