{{- /* A Job that runs `runbook-operator uninstall`. (list . "before" "release" environment account) */}}
{{- define "runbook-operator.uninstall.job" -}}
{{- $root := index . 0 -}}
# One try: what it says of a failure is the last word, and helm shows it.
backoffLimit: 0
activeDeadlineSeconds: {{ add $root.Values.uninstall.seconds 60 }}
template:
  metadata:
    labels:
      {{- include "runbook-operator.labels" $root | nindent 6 }}
      app.kubernetes.io/component: uninstall
  spec:
    restartPolicy: Never
    serviceAccountName: {{ index . 4 }}
    automountServiceAccountToken: true
    enableServiceLinks: false
    securityContext:
      {{- include "runbook-operator.podSecurityContext" $root | nindent 6 }}
    {{- with $root.Values.imagePullSecrets }}
    imagePullSecrets:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    {{- with $root.Values.nodeSelector }}
    nodeSelector:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    {{- with $root.Values.affinity }}
    affinity:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    {{- with $root.Values.priorityClassName }}
    priorityClassName: {{ . }}
    {{- end }}
    {{- with $root.Values.tolerations }}
    tolerations:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    containers:
      - name: uninstall
        image: {{ include "runbook-operator.image" $root }}
        imagePullPolicy: {{ $root.Values.image.pullPolicy }}
        args: [uninstall, {{ index . 2 }}, --within, {{ $root.Values.uninstall.seconds | quote }}]
        env:
          {{- range $name, $value := index . 3 }}
          - name: {{ $name }}
            value: {{ $value | quote }}
          {{- end }}
          {{- with $root.Values.extraEnv }}
          {{- toYaml . | nindent 10 }}
          {{- end }}
        resources:
          requests:
            cpu: 50m
            memory: 128Mi
          limits:
            memory: 256Mi
        securityContext:
          {{- include "runbook-operator.containerSecurityContext" $root | nindent 10 }}
{{- end -}}
