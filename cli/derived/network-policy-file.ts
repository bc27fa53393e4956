import type { ServiceEntry, Topology } from '@quintet/contracts/topology'
import { indent, isGateway, origin, upstreamsOf } from './kubernetes-parts.ts'
import type { Named } from './kubernetes-parts.ts'

/** The ports of engines, also of their usual TLS and managed variants. */
const enginePorts: Readonly<Record<string, readonly number[]>> = {
  postgres: [5432],
  mysql: [3306],
  mongodb: [27017],
  dynamodb: [443, 8000],
  redis: [6379],
  amqp: [5671, 5672],
  kafka: [9092, 9094, 9096, 9098],
}

/** Limits are counted in Redis, also by a service without a cache. */
function storagePorts({ storage, engines }: ServiceEntry): number[] {
  const used = [
    ...(storage.database === undefined ? [] : engines),
    ...(storage.queue === undefined ? [] : [storage.queue === 'EVENTS_URL' ? 'kafka' : 'amqp']),
    'redis',
  ]
  return used.flatMap((engine) => enginePorts[engine] ?? [])
}

/** What each service may reach and be reached by; everything else is refused. */
export function networkPolicyFile(topology: Topology): string {
  const all = upstreamsOf(topology)
  const migrations = [...new Set(all.flatMap(([, entry]) => storagePorts(entry)))]
  const names = `${origin}# Names can be resolved; nothing else is allowed unless a policy below allows it.
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: default, namespace: quintet, labels: { app.kubernetes.io/part-of: quintet } }
spec:
  podSelector: {}
  policyTypes: [Ingress, Egress]
  egress: [{ ports: [{ port: 53, protocol: UDP }, { port: 53, protocol: TCP }] }]
---
`
  const services = Object.entries(topology).map((named) => policyOf(named, all))
  return `${names}${services.join('---\n')}---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: migrate, namespace: quintet, labels: { app.kubernetes.io/part-of: quintet } }
spec:
  podSelector: { matchLabels: { app.kubernetes.io/name: migrate } }
  policyTypes: [Egress]
  egress: [{ ports: [${migrations.map((port) => `{ port: ${port} }`).join(', ')}] }]
`
}

function policyOf([name, entry]: Named, upstreams: readonly Named[]): string {
  // Receivers of notifications are anywhere.
  const ports = [...storagePorts(entry), ...(name === 'certificates' ? [443] : [])]
  const clients = [
    isGateway(name)
      ? `- ports: [{ port: http }]`
      : `- { from: [{ podSelector: { matchLabels: { app.kubernetes.io/component: gateway } } }], ports: [{ port: http }] }`,
    `- from: [{ namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: monitoring } } }]`,
    `  ports: [{ port: operations }]`,
  ]
  const forwarded = [
    `- to: [{ podSelector: { matchLabels: { app.kubernetes.io/component: service } } }]`,
    `  ports: [${upstreams.map(([, { port }]) => `{ port: ${port} }`).join(', ')}]`,
  ]
  const traced = [
    `- to: [{ namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: monitoring } } }]`,
    `  ports: [{ port: 4318 }]`,
  ]
  return `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: ${name}, namespace: quintet, labels: { app.kubernetes.io/part-of: quintet } }
spec:
  podSelector: { matchLabels: { app.kubernetes.io/name: ${name} } }
  policyTypes: [Ingress, Egress]
  ingress:
${indent(4, clients)}  egress:
${indent(4, [...(isGateway(name) ? forwarded : []), ...traced])}    - ports: [${ports.map((port) => `{ port: ${port} }`).join(', ')}]
`
}
