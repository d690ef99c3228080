{{- define "millrace.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "millrace.fullname" -}}
{{- $name := include "millrace.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- /* what selects the pods of a component: (list . "api") */ -}}
{{- define "millrace.selector" -}}
{{- $root := first . -}}
app.kubernetes.io/name: {{ include "millrace.name" $root }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ last . }}
{{- end -}}

{{- define "millrace.labels" -}}
{{- $root := first . -}}
{{ include "millrace.selector" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version }}
{{- end -}}

{{- /* metadata of an object: (list . "api" "-suffix-of-its-name") */ -}}
{{- define "millrace.metadata" -}}
{{- $root := first . -}}
name: {{ include "millrace.fullname" $root }}-{{ index . 1 }}{{ if gt (len .) 2 }}{{ index . 2 }}{{ end }}
namespace: {{ $root.Release.Namespace }}
labels:
  {{- include "millrace.labels" (list $root (index . 1)) | nindent 2 }}
{{- end -}}

{{- /* (list . "millrace-api" "tag") */ -}}
{{- define "millrace.image" -}}
{{- $root := first . -}}
{{- printf "%s%s:%s" $root.Values.image.registry (index . 1) (default $root.Chart.AppVersion (index . 2)) -}}
{{- end -}}
