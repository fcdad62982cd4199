{{- define "wod.image" -}}
image: {{ printf "%s/%s:%s" .root.Values.image.registry .name .root.Values.image.tag | quote }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
{{- end }}

{{- define "wod.labels" -}}
app.kubernetes.io/name: workshops-on-demand
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "wod.name" -}}
{{ .root.Release.Name }}-{{ .component }}
{{- end }}

{{- define "wod.podSecurity" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "wod.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}

{{- define "wod.secret" -}}
- name: {{ .as | default .key }}
  valueFrom:
    secretKeyRef: {name: {{ .root.Values.secret }}, key: {{ .key }}{{ if .optional }}, optional: true{{ end }}}
{{- end }}

{{- define "wod.probes" -}}
startupProbe:
  httpGet: {path: {{ .alive }}, port: http}
  periodSeconds: 2
  failureThreshold: 60
livenessProbe:
  httpGet: {path: {{ .alive }}, port: http}
  periodSeconds: 10
  timeoutSeconds: 5
{{- if .ready }}
readinessProbe:
  httpGet: {path: {{ .ready }}, port: http}
  periodSeconds: 5
  timeoutSeconds: 5
{{- end }}
{{- end }}

{{- define "wod.apiDbEnvironment" -}}
{{ include "wod.secret" (dict "root" . "key" "WOD_DATABASE_PASSWORD") }}
- name: WOD_API_DATABASE_URL
  value: "postgresql://{{ .Values.database.user }}:$(WOD_DATABASE_PASSWORD)@{{ .Values.database.host }}:{{ .Values.database.port }}/{{ .Values.database.name }}"
{{ include "wod.secret" (dict "root" . "key" "WOD_API_SECRET") }}
{{ include "wod.secret" (dict "root" . "key" "WOD_API_SECRET_OTHER" "optional" true) }}
- {name: WOD_API_COMMAND_KEY, value: /run/wod/command-key.pem}
- {name: WOD_API_PORTAL_URL, value: {{ .Values.portalUrl | quote }}}
- {name: WOD_API_RELAY_HOST, value: {{ .Values.mail.relayHost | quote }}}
- {name: WOD_API_RELAY_PORT, value: {{ .Values.mail.relayPort | quote }}}
- {name: WOD_API_RELAY_TLS, value: {{ .Values.mail.tls | quote }}}
{{ include "wod.secret" (dict "root" . "key" "WOD_API_RELAY_USERNAME" "optional" true) }}
{{ include "wod.secret" (dict "root" . "key" "WOD_API_RELAY_PASSWORD" "optional" true) }}
- {name: WOD_API_MAIL_SENDER, value: {{ .Values.mail.sender | quote }}}
- {name: WOD_API_SUPPORT, value: {{ .Values.mail.support | quote }}}
- {name: WOD_API_CONTENT, value: /notebooks}
- {name: WOD_API_TRUSTED_PROXIES, value: {{ .Values.podNetwork | quote }}}
- {name: WOD_API_WORKER_METRICS_PORT, value: "9101"}
{{- end }}

{{- define "wod.apiDbMounts" -}}
- {name: command-key, mountPath: /run/wod, readOnly: true}
- {name: content, mountPath: /notebooks, readOnly: true}
- {name: tmp, mountPath: /tmp}
{{- end }}

{{- define "wod.apiDbVolumes" -}}
- name: command-key
  secret:
    secretName: {{ .Values.commandKeySecret }}
    defaultMode: 0440
    items: [{key: command-key.pem, path: command-key.pem}]
- name: content
{{ toYaml .Values.content | indent 2 }}
- {name: tmp, emptyDir: {}}
{{- end }}
