{{- /* Made by make chart from the kinds that the operator registers. */}}
{{- define "runbook-operator.kinds" -}}
runbooks,switches
{{- end }}
{{- define "runbook-operator.kinds.statuses" -}}
runbooks/status,switches/status
{{- end }}
{{- define "runbook-operator.kinds.forget" -}}
[{"apiGroups": ["runbooks.dev"], "resources": ["runbooks"], "verbs": ["get", "list", "patch"]}, {"apiGroups": ["runbooks.dev"], "resources": ["switches"], "verbs": ["get", "list", "patch", "delete"]}]
{{- end }}
