import { alertGroups, runbookOf } from './alerts.ts'
import type { Alert } from './alerts.ts'
import { recordingGroups } from './objectives.ts'

export const origin = 'Written by npm run dashboards.'

/** The groups of rules for Prometheus, each line indented by this. */
export function ruleGroups(indent: string): string {
  const groups = [
    ...recordingGroups.map(({ name, interval, rules }) => group(name, rules.map(recordLines), interval)),
    ...Object.entries(alertGroups).map(([name, alerts]) => group(`alerts-${name}`, alerts.map(alertLines))),
  ]
  return groups
    .flat()
    .map((line) => `${indent}${line}\n`)
    .join('')
}

export function rulesFile(): string {
  return `# What Prometheus records and alerts about; what to do is in docs/alerts.md. ${origin}
groups:
${ruleGroups('  ')}`
}

function group(name: string, rules: readonly (readonly string[])[], interval?: string): string[] {
  return [
    `- name: quintet-${name}`,
    ...(interval === undefined ? [] : [`  interval: ${interval}`]),
    '  rules:',
    ...rules.flat().map((line) => `    ${line}`),
  ]
}

function recordLines({ record, expr }: { readonly record: string; readonly expr: string }): string[] {
  return [`- record: ${record}`, ...exprLines(expr)]
}

function alertLines(alert: Alert): string[] {
  const { name, expr, severity, labels = {}, summary, description } = alert
  const all = Object.entries({ severity, ...labels }).map(([label, value]) => `${label}: ${value}`)
  return [
    `- alert: ${name}`,
    ...exprLines(expr),
    ...(alert.for === undefined ? [] : [`  for: ${alert.for}`]),
    `  labels: { ${all.join(', ')} }`,
    '  annotations:',
    `    summary: ${quoted(summary)}`,
    `    description: ${quoted(description)}`,
    `    runbook: ${runbookOf(alert)}`,
  ]
}

function exprLines(expr: string): string[] {
  return ['  expr: |-', ...expr.split('\n').map((line) => `    ${line}`)]
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}
