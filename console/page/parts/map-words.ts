import { addressOf } from '../router.ts'
import type { MapNode } from './map-layout.ts'
import { count, duration, perSecond, share } from './quantity.ts'

export const columnTitles: Readonly<Record<MapNode['column'], string>> = {
  clients: 'clients',
  gateway: 'gateway',
  services: 'services',
  queues: 'queues',
  storage: 'databases and caches',
}

/** Where a node leads: to the page that explains it. */
export function addressOfNode({ id, column, title }: MapNode): string {
  switch (column) {
    case 'clients':
      return addressOf('/traces')
    case 'gateway':
    case 'services':
      return addressOf(`/services/${encodeURIComponent(id)}`)
    case 'queues':
      return addressOf(`/queues/${encodeURIComponent(title)}`)
    case 'storage':
      return addressOf('/charts', { group: 'Commits and cache' })
  }
}

export function figuresInWords({ figures }: Pick<MapNode, 'figures'>): string {
  const { requestsPerSecond, errorShare, p95Ms } = figures
  if (requestsPerSecond === null) return 'no figures'
  const parts = [`${perSecond(requestsPerSecond).slice(0, -2)} a second`]
  if (errorShare !== null) parts.push(errorShare === 0 ? 'no errors' : `${share(errorShare)} errors`)
  if (p95Ms !== null) parts.push(`95 % within ${duration(p95Ms)}`)
  return parts.join(', ')
}

/** Services by the names that settings and commands have for them. */
export function nameOfNode({ id, column, title }: MapNode): string {
  return column === 'services' || column === 'gateway' ? id : title
}

/** What a node shows, and why it is not up. */
export function nodeInWords(node: MapNode): string {
  const { state, engine, url, fault, figures, live, dead } = node
  const rate = perSecond(figures.requestsPerSecond)
  if (node.column === 'clients') return `clients, ${rate}`
  const rest =
    node.column === 'queues'
      ? [`${count(live)} live`, `${count(dead)} dead`]
      : [share(figures.errorShare), duration(figures.p95Ms)]
  return [nameOfNode(node), state, fault, engine, url, rate, ...rest].filter((text) => text !== '').join(', ')
}
