import type { ServiceEntry, Topology } from '@quintet/contracts/topology'

/** What the files of deploy/kubernetes have in common. */

export type Named = readonly [name: string, entry: ServiceEntry]

export const origin = `# Derived from contracts/src/topology.ts by quintet derive. Change it in an overlay.\n`
export const isGateway = (name: string) => name === 'gateway'
export const upstreamsOf = (topology: Topology) =>
  Object.entries(topology).filter(([name]) => !isGateway(name))
/** A file with a document for each service. */
export const documents = (topology: Topology, documentOf: (named: Named) => string) =>
  origin + Object.entries(topology).map(documentOf).join('---\n')
export const indent = (depth: number, lines: readonly string[]) =>
  lines.map((line) => `${' '.repeat(depth)}${line}\n`).join('')
