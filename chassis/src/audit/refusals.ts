import { durationClockOf } from '../clock/index.ts'
import type { Clock } from '../clock/index.ts'
import type { AuditEntry } from './chain.ts'

/** In each interval. Refusals cost their senders nothing, so without a bound they would fill the disk. */
const limits = {
  /** Lines for the refusals of one kind, from one network and of one principal. */
  linesOfGroup: 10,
  /** Lines for all of those with a principal, and as many for all others, so that these cannot displace them. */
  linesMax: 100,
  /** Kinds, networks and principals that are counted apart. */
  groupsMax: 1_000,
  /** Those of them that the line with the counts names. */
  namedMax: 50,
}

const defaultIntervalMs = 60_000

type Group = {
  readonly policy: string
  readonly network: string
  readonly principal?: string
  lines: number
  /** Without a line of their own. */
  count: number
}

/** Adds lines for refusals, and counts those that have none of their own, of which a line at the end of each interval says how many there were. */
export function createRefusals({
  add,
  hasRoom,
  counted,
  clock,
  intervalMs = defaultIntervalMs,
}: {
  add: (entry: AuditEntry) => void
  /** Whether few lines wait for the file. While many do, refusals are only counted, so that the lines about effects have room. */
  hasRoom: () => boolean
  counted: () => void
  clock: Clock
  intervalMs?: number | undefined
}) {
  const durations = durationClockOf(clock)
  const groups = new Map<string, Group>()
  const left = { ofPrincipals: limits.linesMax, ofOthers: limits.linesMax }
  /** In groups beyond those that are counted apart. */
  let ofOtherGroups = 0
  let begunAtMs: number | undefined
  let since = ''
  let timer: NodeJS.Timeout | undefined

  function begin(): void {
    begunAtMs = durations.now()
    since = new Date(clock.now()).toISOString()
    timer = setTimeout(end, intervalMs).unref()
  }

  /** A count that cannot be written yet goes on. */
  function end(): void {
    clearTimeout(timer)
    const summary = summaryOf([...groups.values()], ofOtherGroups)
    if (summary.count > 0 && !hasRoom()) {
      begunAtMs = durations.now()
      timer = setTimeout(end, intervalMs).unref()
      return
    }
    if (summary.count > 0) add({ kind: 'refusals', since, ...summary })
    groups.clear()
    Object.assign(left, { ofPrincipals: limits.linesMax, ofOthers: limits.linesMax })
    ofOtherGroups = 0
    begunAtMs = undefined
  }

  function groupOf(policy: string, network: string, principal: string | undefined): Group | undefined {
    const key = JSON.stringify([policy, network, principal])
    const known = groups.get(key)
    if (known !== undefined || groups.size >= limits.groupsMax) return known
    const group = { policy, network, ...(principal !== undefined && { principal }), lines: 0, count: 0 }
    groups.set(key, group)
    return group
  }

  return {
    /** `network` is that of the client, as limits count it. */
    add(entry: AuditEntry, network: string): void {
      if (begunAtMs !== undefined && durations.now() - begunAtMs >= intervalMs) end()
      if (begunAtMs === undefined) begin()
      const principal = typeof entry.principal === 'string' ? entry.principal : undefined
      const group = groupOf(String(entry.policy), network, principal)
      const kind = principal === undefined ? 'ofOthers' : 'ofPrincipals'
      if (group !== undefined && group.lines < limits.linesOfGroup && left[kind] > 0 && hasRoom()) {
        group.lines += 1
        left[kind] -= 1
        add(entry)
        return
      }
      counted()
      if (group === undefined) ofOtherGroups += 1
      else group.count += 1
    },
    /** Ends the interval, whether or not lines wait. */
    close(): void {
      clearTimeout(timer)
      const summary = summaryOf([...groups.values()], ofOtherGroups)
      if (summary.count > 0) add({ kind: 'refusals', since, ...summary })
    },
  }
}

/** The groups with most refusals, and how many the others have together. */
function summaryOf(groups: readonly Group[], ofOtherGroups: number) {
  const some = groups.filter(({ count }) => count > 0).sort((a, b) => b.count - a.count)
  const sum = (of: readonly Group[]) => of.reduce((all, { count }) => all + count, 0)
  return {
    count: sum(some) + ofOtherGroups,
    groups: some.slice(0, limits.namedMax).map(({ lines: _, ...group }) => group),
    others: sum(some.slice(limits.namedMax)) + ofOtherGroups,
  }
}
