import type { Topology } from '@quintet/contracts/topology'
import { replaceLines } from '../derived/lines.ts'

/** The targets of Prometheus on one machine: each service at its port, by its name, which samples themselves do not have. */
export function machineTargets(text: string, topology: Topology): string {
  return withTargets(text, topology, (_name, port) => `127.0.0.1:${port}`)
}

/** Those of the Compose file, where each service has a port for operations. */
export function composeTargets(text: string, topology: Topology): string {
  return withTargets(text, topology, (name) => `${name}:9464`)
}

/** The settings of each service in the Compose file for observability. */
export function observedServices(text: string, topology: Topology): string {
  const lines = Object.keys(topology).map((name) => `  ${name}: *observed`)
  return replaceLines(text, /^ {2}[a-z]\w*: \*observed$/, lines)
}

function withTargets(
  text: string,
  topology: Topology,
  addressOf: (name: string, port: number) => string,
): string {
  const targets = Object.entries(topology).map(
    ([name, { port }]) => `- { labels: { service: ${name} }, targets: ['${addressOf(name, port)}'] }`,
  )
  return replaceLines(text, /^- \{ labels: \{ service: /, targets)
}
