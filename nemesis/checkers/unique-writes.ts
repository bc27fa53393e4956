import { observe, Outcome, requireThat, undecidedIf } from './observations.ts'
import type { Cluster, Observed, ZonesResult } from './observations.ts'
import type { RegisterOperation } from './register.ts'

/**
 * Linearizability of a register in O(n log n), exact where each observation names the write that it saw (Gibbons and Korach,
 * Testing Shared Memories, 1997). The operations on one value form a zone, from the first completion among them to the last
 * invocation. Where the first is before the second, the register must hold this value all the time between, so that two such
 * zones must not overlap; any other zone fits into one moment, which must not lie inside one of those.
 *
 * Here a zone is a life of the resource: a creation, the changes after it, all that was observed of them, and the deletion or
 * expiry at its end. A 404 must not lie within a life. A change under If-Match names its predecessor, and one without belongs
 * to the only life that there is. Where there are several lives, and in a few other cases, the method
 * does not decide.
 *
 * `operations` are of one key, as `prepareRegister` returns them.
 */
export function checkZones(operations: readonly RegisterOperation[]): ZonesResult {
  try {
    const observed = observe(operations)
    const lives = livesOf(observed)
    requireDisjoint(lives)
    const forward = forwardOf(lives)
    for (const { id, invokedAt, completedAt } of observed.absences) {
      const life = lastBefore(forward, invokedAt)
      requireThat(
        life === undefined || completedAt >= life.last,
        `operation ${id} found nothing during ${life?.name}`,
      )
    }
    return { verdict: 'linearizable' }
  } catch (error) {
    if (error instanceof Outcome) return { verdict: error.verdict }
    throw error
  }
}

/** Writes of which each is the predecessor of the next by If-Match, and what may end the last of them. */
type Chain = { readonly clusters: readonly Cluster[]; readonly ends: readonly RegisterOperation[] }

/** Where `first < last`, all the time between is taken. Otherwise one moment from `last` to `first` is enough. */
type Zone = { readonly first: number; readonly last: number; readonly name: string }

function livesOf(observed: Observed): Zone[] {
  const { clusters, deletions, hasUnseenCreation } = observed
  const chains = chainsOf(observed)
  const free = deletions.get('') ?? []
  const isChained = free.length === 0 && chains.every(isCreated)
  if (isChained) return chains.map((chain) => lifeOf(chain, observed))
  undecidedIf(
    hasUnseenCreation || clusters.filter(({ write }) => write.call.f === 'create').length !== 1,
    'a change without If-Match may be of several lives',
  )
  return [onlyLife(chains, free, observed)]
}

function isCreated({ clusters: [first] }: Chain): boolean {
  return first?.write.call.f === 'create'
}

function chainsOf({ clusters, deletions, expiries }: Observed): Chain[] {
  const versions = new Set(clusters.map(({ version }) => version))
  const successors = new Map<string, Cluster>()
  const heads: Cluster[] = []
  for (const [version, own] of deletions)
    undecidedIf(
      version !== '' && !versions.has(version) && own.some(isCertain),
      `version ${version} was not seen`,
    )
  for (const cluster of clusters) {
    const { call, id } = cluster.write
    if (call.f !== 'update' || call.ifMatch === undefined) {
      heads.push(cluster)
      continue
    }
    undecidedIf(!versions.has(call.ifMatch), `what operation ${id} changed was not seen`)
    const twin = successors.get(call.ifMatch)
    requireThat(
      twin === undefined,
      `operations ${twin?.write.id} and ${id} both changed version ${call.ifMatch}`,
    )
    successors.set(call.ifMatch, cluster)
  }
  const chains = heads.map((head) => chainFrom(head, successors))
  const length = chains.reduce((sum, chain) => sum + chain.length, 0)
  requireThat(length === clusters.length, 'changes under If-Match precede each other in a circle')
  return chains.map((chain) => ({ clusters: chain, ends: endsOf(chain, deletions, expiries) }))
}

function chainFrom(head: Cluster, successors: ReadonlyMap<string, Cluster>): Cluster[] {
  const chain: Cluster[] = []
  let next: Cluster | undefined = head
  while (next !== undefined) {
    chain.push(next)
    next = next.version === undefined ? undefined : successors.get(next.version)
  }
  return chain
}

/** The deletion of the last version, or else what may have ended it: a deletion whose outcome is unknown, or its expiry. */
function endsOf(
  chain: readonly Cluster[],
  deletions: Observed['deletions'],
  expiries: Observed['expiries'],
): RegisterOperation[] {
  let ends: readonly RegisterOperation[] = []
  let expiry: RegisterOperation | undefined
  for (const { write, version } of chain) {
    requireThat(!ends.some(isCertain), `a version was deleted and then changed by operation ${write.id}`)
    ends = (version === undefined ? undefined : deletions.get(version)) ?? []
    expiry = expiryAfter(write, expiry, expiries)
  }
  const certain = ends.filter(isCertain)
  requireThat(certain.length < 2, `operations ${certain.map(({ id }) => id)} deleted one version`)
  return certain.length === 1 ? certain : [...ends, ...(expiry === undefined ? [] : [expiry])]
}

function isCertain({ outcome }: RegisterOperation): boolean {
  return outcome === 'ok'
}

/** The expiry of the state that a write makes, given that of the state before. */
function expiryAfter(
  { call }: RegisterOperation,
  before: RegisterOperation | undefined,
  expiries: Observed['expiries'],
): RegisterOperation | undefined {
  if (call.f !== 'create' && call.f !== 'update') return before
  return call.expiresAt === undefined ? before : expiries.get(call.expiresAt)
}

function lifeOf(chain: Chain, observed: Observed): Zone {
  const { zone, expiry } = zoneOf(chain, observed)
  const end = earliest(chain.ends)
  if (end === undefined) return { ...zone, last: Number.POSITIVE_INFINITY }
  extend(zone, zone.last, end, expiry)
  return zone
}

/** The zone of a chain without its end. Its operations must be possible in its order and before the expiry of each state. */
function zoneOf(chain: Chain, { expiries }: Observed) {
  const name = `the life of ${contentOf(chain.clusters[0])}`
  const zone = { first: Number.POSITIVE_INFINITY, last: Number.NEGATIVE_INFINITY, name }
  let expiry: RegisterOperation | undefined
  let expiresAt: number | undefined
  let isKnown = isCreated(chain)
  for (const { write, reads } of chain.clusters) {
    const begun = zone.last
    const before = expiry
    expiry = expiryAfter(write, expiry, expiries)
    if ('expiresAt' in write.call && write.call.expiresAt !== undefined) {
      expiresAt = write.call.expiresAt
      isKnown = true
    }
    extend(zone, begun, write, before, expiry)
    for (const read of reads) {
      extend(zone, Math.max(begun, write.invokedAt), read, expiry)
      if (read.result?.kind !== 'found' || read.result.expiresAt === undefined) continue
      undecidedIf(!isKnown, 'an expiry that was read was set by an unknown write')
      requireThat(read.result.expiresAt === expiresAt, `operation ${read.id} found another expiry`)
    }
  }
  return { zone, expiry }
}

/** Adds an operation, which must be over after all that precedes it had begun, `begun`, and takes place before some expiries. */
function extend(
  zone: { first: number; last: number; name: string },
  begun: number,
  { id, invokedAt, completedAt }: RegisterOperation,
  ...expiries: readonly (RegisterOperation | undefined)[]
): void {
  const latest = Math.min(
    completedAt,
    ...expiries.map((expiry) => expiry?.completedAt ?? Number.POSITIVE_INFINITY),
  )
  requireThat(begun <= latest && invokedAt <= latest, `operation ${id} comes too late in ${zone.name}`)
  zone.first = Math.min(zone.first, latest)
  zone.last = Math.max(zone.last, invokedAt)
}

/** The sooner a life ends, the less it excludes. */
function earliest(ends: readonly RegisterOperation[]): RegisterOperation | undefined {
  return ends.toSorted((one, other) => one.invokedAt - other.invokedAt)[0]
}

function contentOf(cluster: Cluster | undefined): string {
  const call = cluster?.write.call
  return call?.f === 'create' || call?.f === 'update' ? call.value : ''
}

/** The life of a resource that was created once, changed also without If-Match, and possibly deleted without it. */
function onlyLife(chains: readonly Chain[], free: readonly RegisterOperation[], observed: Observed): Zone {
  undecidedIf(observed.expiries.size > 0, 'a change without If-Match may have prevented an expiry')
  const ends = [...free, ...chains.flatMap((chain) => chain.ends)]
  const certain = ends.filter(isCertain)
  requireThat(certain.length < 2, `operations ${certain.map(({ id }) => id)} deleted one resource`)
  undecidedIf(
    chains.length > 1 && ends.some((end) => !isCertain(end) && !free.includes(end)),
    'a deletion under If-Match may have been the end of one of several chains',
  )
  const parts = chains.map((chain) => ({ chain, ...zoneOf(chain, observed) }))
  requireDisjoint(parts.map(({ zone }) => zone))
  const creation = parts.find(({ chain }) => isCreated(chain))
  const last = parts.find(({ chain }) => chain.ends.some(isCertain))
  const end = certain[0] ?? earliest(ends)
  for (const part of parts) {
    const { zone } = part
    if (part !== creation && creation !== undefined)
      requireThat(zone.first >= creation.zone.last, `${zone.name} begins before the creation`)
    if (part !== last && last !== undefined)
      requireThat(zone.last <= last.zone.first, `${zone.name} ends after the deletion`)
    if (end !== undefined)
      requireThat(zone.last <= end.completedAt, `${zone.name} ends after operation ${end.id}`)
  }
  requireThat(
    parts.length === 1 || creation !== last,
    'what was created and deleted under If-Match was changed without it',
  )
  const life = parts.map(({ zone }) => zone)
  return {
    first: Math.min(...life.map(({ first }) => first), end?.completedAt ?? Number.POSITIVE_INFINITY),
    last:
      end === undefined ? Number.POSITIVE_INFINITY : Math.max(...life.map(({ last }) => last), end.invokedAt),
    name: 'the life of the resource',
  }
}

function forwardOf(zones: readonly Zone[]): Zone[] {
  return zones.filter(({ first, last }) => first < last).toSorted((one, other) => one.first - other.first)
}

function requireDisjoint(zones: readonly Zone[]): void {
  const forward = forwardOf(zones)
  for (const [i, zone] of forward.entries()) {
    const before = forward[i - 1]
    requireThat(before === undefined || before.last <= zone.first, `${before?.name} and ${zone.name} overlap`)
  }
  for (const zone of zones.filter(({ first, last }) => first >= last)) {
    const around = lastBefore(forward, zone.last)
    requireThat(around === undefined || zone.first >= around.last, `${zone.name} lies within ${around?.name}`)
  }
}

/** Of zones that follow each other, the last that begins before a time. */
function lastBefore(zones: readonly Zone[], time: number): Zone | undefined {
  let from = 0
  let to = zones.length
  while (from < to) {
    const middle = (from + to) >> 1
    if ((zones[middle]?.first ?? 0) < time) from = middle + 1
    else to = middle
  }
  return zones[from - 1]
}
