{{- /* Made by make chart from the kinds that the operator registers. */}}
{{- define "runbook-operator.kinds" -}}
runbooks,switches,incidents
{{- end }}
{{- define "runbook-operator.kinds.statuses" -}}
runbooks/status,switches/status,incidents/status
{{- end }}
{{- define "runbook-operator.kinds.forget" -}}
[{"apiGroups": ["runbooks.dev"], "resources": ["runbooks"], "verbs": ["get", "list", "patch"]}, {"apiGroups": ["runbooks.dev"], "resources": ["switches"], "verbs": ["get", "list", "patch", "delete"]}, {"apiGroups": ["runbooks.dev"], "resources": ["incidents"], "verbs": ["get", "list", "patch"]}]
{{- end }}
