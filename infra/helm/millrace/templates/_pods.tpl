{{- /* What every pod has: the user and group that it runs as. (list . "api" 1000) */ -}}
{{- define "millrace.podBasics" -}}
{{- $root := first . -}}
{{- $component := index . 1 -}}
{{- $user := index . 2 -}}
{{- $own := index $root.Values $component | default dict -}}
automountServiceAccountToken: false
serviceAccountName: {{ include "millrace.fullname" $root }}
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: {{ $user }}
  runAsGroup: {{ $user }}
  fsGroup: {{ $user }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: { type: RuntimeDefault }
  {{- with $own.sysctls }}
  sysctls:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- with $root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with $own.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $own.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "millrace.placement" -}}
{{- with .nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- /* Over machines and zones, as far as there are some: one that is lost takes a share, not all. */ -}}
{{- define "millrace.spread" -}}
{{- $labels := include "millrace.selector" . -}}
topologySpreadConstraints:
  {{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
  - topologyKey: {{ . }}
    maxSkew: 1
    whenUnsatisfiable: ScheduleAnyway
    # only pods of the same version, or a roll-out would leave the new ones together
    matchLabelKeys: [pod-template-hash]
    labelSelector:
      matchLabels:
        {{- $labels | nindent 8 }}
  {{- end }}
{{- end -}}

{{- /* As in docker-compose.yml: no root, no new privileges, no writes outside /tmp. */ -}}
{{- define "millrace.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  runAsNonRoot: true
  capabilities: { drop: [ALL] }
  seccompProfile: { type: RuntimeDefault }
{{- end -}}

{{- define "millrace.probes" -}}
startupProbe:
  httpGet: { path: /healthz, port: http }
  periodSeconds: 2
  failureThreshold: 60
livenessProbe:
  httpGet: { path: /healthz, port: http }
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: { path: /readyz, port: http }
  periodSeconds: 2
  timeoutSeconds: 3
  failureThreshold: 2
{{- end -}}

{{- /* How long a stop may take, in seconds: what the pod needs, or more if so set. The least is what the process allows
       itself (services/api/src/main.ts, services/worker/src/main.ts), after which it ends by itself. */ -}}
{{- define "millrace.neededSeconds.api" -}}
{{- $drain := int64 .Values.api.settings.MILLRACE_DRAIN_MS -}}
{{- $linger := int64 .Values.api.settings.MILLRACE_LINGER_MS -}}
{{- add .Values.api.preStopSeconds (div (add (max $drain $linger) $linger 5999) 1000) -}}
{{- end -}}

{{- define "millrace.neededSeconds.worker" -}}
{{- div (add (int64 .Values.worker.settings.MILLRACE_WORKER_GRACE_MS) 5999) 1000 -}}
{{- end -}}

{{- define "millrace.graceSeconds" -}}
{{- $root := first . -}}
{{- $component := last . -}}
{{- $needed := include (printf "millrace.neededSeconds.%s" $component) $root | int64 -}}
{{- $given := (index $root.Values $component).terminationGracePeriodSeconds -}}
{{- if and (ne $given nil) (lt (int64 $given) $needed) -}}
{{- fail (printf "%s.terminationGracePeriodSeconds is %d, but its settings need %d s: the kubelet would kill it before it has handed over" $component (int64 $given) $needed) -}}
{{- end -}}
{{- if ne $given nil -}}{{ int64 $given }}{{- else -}}{{ add $needed 5 }}{{- end -}}
{{- end -}}
