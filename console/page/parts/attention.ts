import type { SystemMap } from '../../src/wire/index.ts'
import { addressOf } from '../router.ts'
import { addressOfNode, nameOfNode } from './map-words.ts'
import { share } from './quantity.ts'
import { toneOf } from './state-word.ts'
import { counted } from './time.ts'

type Attention = {
  readonly text: string
  readonly why: string
  readonly address: string
  readonly isBad: boolean
}

/** What on the map is not as it should be, each with the page that explains it; the worst first. */
export function attentionOf(map: SystemMap): readonly Attention[] {
  return map.nodes
    .flatMap((node): Attention[] => {
      const found: Attention[] = []
      const tone = toneOf(node.state)
      if (node.column !== 'clients' && node.state !== 'unknown' && tone !== 'good') {
        found.push({
          text: `${nameOfNode(node)} is ${node.state}`,
          why: node.fault,
          address: addressOfNode(node),
          isBad: tone === 'bad',
        })
      }
      if ((node.dead ?? 0) > 0) {
        found.push({
          text: `${node.title} has ${counted(node.dead ?? 0, 'dead letter')}`,
          why: 'Look at the reasons, and replay or drop them.',
          address: addressOf(`/queues/${encodeURIComponent(`${node.title}.dead`)}`),
          isBad: true,
        })
      }
      if ((node.column === 'services' || node.column === 'gateway') && (node.figures.errorShare ?? 0) > 0) {
        found.push({
          text: `${share(node.figures.errorShare)} of the responses of ${node.id} are errors`,
          why: 'Their traces are kept.',
          address: addressOf('/traces', { service: node.id, why: 'error' }),
          isBad: false,
        })
      }
      return found
    })
    .toSorted((one, other) => Number(other.isBad) - Number(one.isBad))
}
