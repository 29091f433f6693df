{{/* NAME of everything: the release's, with the chart's where the release's does not hold it. */}}
{{- define "authcluster.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Labels that select the operator's pods: they never change, so no version is among them. They
differ from those of an AuthCluster's pods by name. */}}
{{- define "authcluster.selector" -}}
app.kubernetes.io/name: authcluster-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "authcluster.labels" -}}
{{ include "authcluster.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | quote }}
{{- end -}}

{{- define "authcluster.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (include "authcluster.fullname" .) -}}
{{- end -}}

{{/* An image: by digest if there is one, else by tag. */}}
{{- define "authcluster.image" -}}
{{- if .digest -}}{{ .repository }}@{{ .digest }}{{- else -}}{{ .repository }}:{{ .tag }}{{- end -}}
{{- end -}}
