import { origin, ruleGroups } from './rules-file.ts'

/** The rules as a resource of the Prometheus Operator. */
export function kubernetesRules(): string {
  return `# The rules of deploy/observability/rules.yml, for the Prometheus Operator. ${origin}
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata: { name: quintet, namespace: quintet, labels: { app.kubernetes.io/part-of: quintet } }
spec:
  groups:
${ruleGroups('    ')}`
}
