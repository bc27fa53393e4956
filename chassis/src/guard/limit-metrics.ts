import { Counter, Gauge, Histogram } from 'prom-client'
import type { Registry } from 'prom-client'

type LimitOutcome = 'allowed' | 'refused' | 'would_refuse' | 'degraded'

/** What was decided, by policy. */
export type LimitCounts = {
  /** Counts from 0, so that the first decision of a policy is an increase. */
  begin(policy: string): void
  add(policy: string, outcome: LimitOutcome): void
  all(): ReadonlyMap<string, Readonly<Record<LimitOutcome, number>>>
}

export function createLimitCounts(): LimitCounts {
  const byPolicy = new Map<string, Record<LimitOutcome, number>>()
  const begin = (policy: string) => {
    const counts = { allowed: 0, refused: 0, would_refuse: 0, degraded: 0 }
    byPolicy.set(policy, counts)
    return counts
  }
  return {
    begin(policy) {
      if (!byPolicy.has(policy)) begin(policy)
    },
    add(policy, outcome) {
      const counts = byPolicy.get(policy) ?? begin(policy)
      counts[outcome] += 1
    },
    all: () => byPolicy,
  }
}

/** Exports what limits decide. Returns what records how long the store took. */
export function exportLimitMetrics(
  registry: Registry,
  {
    counts,
    policies,
    isDegraded,
    size,
  }: {
    counts: LimitCounts
    /** The names of those that are in effect. */
    policies: () => readonly string[]
    isDegraded: () => boolean
    size: () => number
  },
): (seconds: number) => void {
  const registers = [registry]
  new Counter({
    name: 'quintet_guard_decisions_total',
    help: 'Decisions by policy: allowed, refused, would_refuse (of a dry run), degraded (without its store).',
    labelNames: ['policy', 'decision'],
    registers,
    collect() {
      for (const policy of policies()) counts.begin(policy)
      this.reset()
      for (const [policy, outcomes] of counts.all())
        for (const [decision, count] of Object.entries(outcomes)) this.inc({ policy, decision }, count)
    },
  })
  new Gauge({
    name: 'quintet_guard_degraded',
    help: '1 while limits or quotas are counted otherwise than they should, since a server does not respond.',
    registers,
    collect() {
      this.set(isDegraded() ? 1 : 0)
    },
  })
  new Gauge({
    name: 'quintet_guard_partitions',
    help: 'Clients, accounts and the like that limits are counted by in this process, of all policies.',
    registers,
    collect() {
      this.set(size())
    },
  })
  const seconds = new Histogram({
    name: 'quintet_guard_store_seconds',
    help: 'How long Redis takes for the decisions of a batch.',
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5],
    registers,
  })
  return (duration) => seconds.observe(duration)
}
