{{- /* Which secrets each service reads: a file in a pod is one more place to steal it from. */ -}}
{{- define "millrace.secretNames.api" -}}
REDIS_URL REDIS_URLS MILLRACE_API_KEYS MILLRACE_TOKEN_SECRET MILLRACE_WEBHOOK_SECRET MILLRACE_ENCRYPTION_KEYS MILLRACE_CHECKPOINTS MILLRACE_ARCHIVE OTEL_EXPORTER_OTLP_HEADERS
{{- end -}}
{{- define "millrace.secretNames.worker" -}}
REDIS_URL REDIS_URLS MILLRACE_WEBHOOK_SECRET MILLRACE_ENCRYPTION_KEYS MILLRACE_CHECKPOINTS MILLRACE_ARCHIVE OTEL_EXPORTER_OTLP_HEADERS OPENAI_API_KEY OPENAI_BASE_URL
{{- end -}}

{{- /* The secrets of a service that are given, as JSON: setting → { existingSecret, key }. (list . "api") */ -}}
{{- define "millrace.secretsOf" -}}
{{- $root := first . -}}
{{- $given := dict -}}
{{- range $name := splitList " " (include (printf "millrace.secretNames.%s" (last .)) $root) -}}
{{- $secret := index $root.Values.secrets $name | default dict -}}
{{- if $secret.existingSecret -}}
{{- $_ := set $given $name (dict "name" $secret.existingSecret "key" (default $name $secret.key)) -}}
{{- end -}}
{{- end -}}
{{- toJson $given -}}
{{- end -}}

{{- /* Helm reads a number as a floating-point one and would write 1e+06 for a whole one. */ -}}
{{- define "millrace.text" -}}
{{- if and (kindIs "float64" .) (eq (toString (floor .)) (toString .)) -}}{{ int64 . }}{{- else -}}{{ . }}{{- end -}}
{{- end -}}

{{- define "millrace.redisUrl" -}}
{{- if eq .Values.redis.mode "bundled" -}}redis://{{ include "millrace.fullname" . }}-redis:6379{{- else -}}{{ .Values.redis.url }}{{- end -}}
{{- end -}}

{{- /* The variables of a service: (list . "api") */ -}}
{{- define "millrace.env" -}}
{{- $root := first . -}}
{{- $service := last . -}}
{{- $secrets := include "millrace.secretsOf" . | fromJson -}}
{{- range $name, $secret := $secrets }}
- name: {{ $name }}_FILE
  value: /run/secrets/millrace/{{ $name }}
{{- end }}
{{- if $root.Values.redis.urls }}
- name: REDIS_URLS
  value: {{ $root.Values.redis.urls | quote }}
{{- else if not (or (hasKey $secrets "REDIS_URL") (hasKey $secrets "REDIS_URLS")) }}
- name: REDIS_URL
  value: {{ include "millrace.redisUrl" $root | quote }}
{{- end }}
{{- range $name, $value := merge (dict) (index $root.Values $service).settings $root.Values.settings }}
{{- if ne $value nil }}
- name: {{ $name }}
  value: {{ include "millrace.text" $value | quote }}
{{- end }}
{{- end }}
{{- range (index $root.Values $service).extraEnv }}
{{- if and (hasKey . "value") (regexMatch "KEY|SECRET|TOKEN|PASSWORD" .name) }}
{{- fail (printf "%s.extraEnv: %s seems to be a secret: refer to it with valueFrom.secretKeyRef, for a value in a manifest is none" $service .name) }}
{{- end }}
- {{ toJson . }}
{{- end }}
{{- end -}}

{{- define "millrace.secretVolume" -}}
{{- $secrets := include "millrace.secretsOf" . | fromJson -}}
{{- if $secrets }}
- name: secrets
  projected:
    # 0440, which not every reader of YAML takes for octal: for the pod's group alone
    defaultMode: 288
    sources:
      {{- range $name, $secret := $secrets }}
      - secret:
          name: {{ $secret.name }}
          items: [{ key: {{ $secret.key | quote }}, path: {{ $name }} }]
      {{- end }}
{{- end }}
{{- end -}}

{{- define "millrace.secretMount" -}}
{{- if include "millrace.secretsOf" . | fromJson }}
- name: secrets
  mountPath: /run/secrets/millrace
  readOnly: true
{{- end }}
{{- end -}}
