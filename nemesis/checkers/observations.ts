import type { RegisterOperation } from './register.ts'

/** What the method of zones decides; see unique-writes.ts. */
export type ZonesResult = { readonly verdict: 'linearizable' | 'violation' | 'undecided' }

/** Ends the examination; its message is the reason. */
export class Outcome extends Error {
  readonly verdict: ZonesResult['verdict']

  constructor(verdict: ZonesResult['verdict'], reason: string) {
    super(reason)
    this.verdict = verdict
  }
}

export function requireThat(condition: boolean, reason: string): void {
  if (!condition) throw new Outcome('violation', reason)
}

export function undecidedIf(condition: boolean, reason: string): void {
  if (condition) throw new Outcome('undecided', reason)
}

/** A write that took effect, with what was observed of it. */
export type Cluster = {
  readonly write: RegisterOperation
  readonly version: string | undefined
  readonly reads: RegisterOperation[]
}

export type Observed = {
  readonly clusters: readonly Cluster[]
  readonly absences: readonly RegisterOperation[]
  /** Deletions that took effect or may have, by the version that they name; '' for none. */
  readonly deletions: ReadonlyMap<string, readonly RegisterOperation[]>
  readonly expiries: ReadonlyMap<number, RegisterOperation>
  /** Whether there may have been a life that nobody saw. */
  readonly hasUnseenCreation: boolean
}

/** Sorts the operations of a key by what they wrote or saw. */
export function observe(operations: readonly RegisterOperation[]): Observed {
  const { clusters, byVersion } = clustersOf(operations)
  const absences: RegisterOperation[] = []
  for (const operation of operations) {
    const { id, result } = operation
    undecidedIf(
      result?.kind === 'exists' || result?.kind === 'mismatch',
      'a 409 or a 412 does not name what it saw',
    )
    if (result?.kind === 'absent') absences.push(operation)
    if (result?.kind !== 'found' && result?.kind !== 'not modified') continue
    const cluster = result.kind === 'found' ? clusters.get(result.value) : byVersion.get(result.version)
    if (cluster === undefined) throw new Outcome('violation', `operation ${id} saw what nobody wrote`)
    requireThat(
      result.version === undefined || cluster.version === undefined || result.version === cluster.version,
      `operations ${cluster.write.id} and ${id} have two versions of one content`,
    )
    cluster.reads.push(operation)
  }
  const isSeen = ({ write, reads }: Cluster) => write.outcome === 'ok' || reads.length > 0
  const all = [...clusters.values()]
  undecidedIf(
    all.some((cluster) => !isSeen(cluster) && 'expiresAt' in cluster.write.call),
    'a write that nobody saw may have set the expiry',
  )
  return {
    clusters: all.filter(isSeen),
    absences,
    deletions: Map.groupBy(
      operations.filter(
        ({ call, result }) => call.f === 'delete' && (result?.kind ?? 'written') === 'written',
      ),
      ({ call }) => (call.f === 'delete' ? (call.ifMatch ?? '') : ''),
    ),
    expiries: new Map(
      operations.flatMap((one) => (one.call.f === 'expire' ? [[one.call.expiresAt, one] as const] : [])),
    ),
    hasUnseenCreation: all.some((cluster) => cluster.write.call.f === 'create' && !isSeen(cluster)),
  }
}

function clustersOf(operations: readonly RegisterOperation[]) {
  const clusters = new Map<string, Cluster>()
  const byVersion = new Map<string, Cluster>()
  for (const write of operations) {
    const { call, result } = write
    if ((call.f !== 'create' && call.f !== 'update') || (result?.kind ?? 'written') !== 'written') continue
    const cluster: Cluster = {
      write,
      version: result?.kind === 'written' ? result.version : undefined,
      reads: [],
    }
    undecidedIf(clusters.has(call.value), 'two writes have one content')
    clusters.set(call.value, cluster)
    if (cluster.version === undefined) continue
    undecidedIf(byVersion.has(cluster.version), 'two writes have one version')
    byVersion.set(cluster.version, cluster)
  }
  return { clusters, byVersion }
}
