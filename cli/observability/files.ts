import { dashboardFiles } from './dashboards.ts'
import { kubernetesRules } from './kubernetes-rules.ts'
import { rulesFile } from './rules-file.ts'

/** The text of each file that is made of the charts of the console and of the alerts, by its path from the root. */
export function observabilityFiles(): Map<string, string> {
  return new Map([
    ['deploy/observability/rules.yml', rulesFile()],
    ['deploy/kubernetes/components/monitoring/rules.yaml', kubernetesRules()],
    ...[...dashboardFiles()].map(
      ([name, text]) => [`deploy/observability/grafana/dashboards/${name}`, text] as const,
    ),
  ])
}
