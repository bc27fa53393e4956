import type { BrokerRates } from './broker-rates.ts'
import type { Result } from './result.ts'

/** Everything that a run measured. */
type Figures = {
  results: Result[]
  firstAnswerSeconds: number | undefined
  storedPerSecond: number | undefined
  brokerRates: BrokerRates | undefined
}

/** A bound that must be met, and a goal beyond it. A target without `row` is printed below the table. */
type Target = {
  name: string
  row?: string
  bound: 'at least' | 'at most'
  accepted: number
  goal?: number
  unit?: string
  value(figures: Figures): number | undefined
}

export type TargetResult = Omit<Target, 'value'> & { value: number | null; verdict: Verdict }

type Verdict = 'goal reached' | 'met' | 'missed' | 'not measured'

const cached = 'guid GET cached'
const forwarded = 'guid GET through the gateway'
const serviceRows = [cached, 'guid GET uncached', 'guid POST durable', 'guid PATCH']

const targets: Target[] = [
  ratioTarget(cached, 0.7, 0.85),
  ratioTarget('guid GET uncached', 0.45),
  ratioTarget('guid POST durable', 0.16, 0.2),
  ratioTarget(forwarded, 0.3, 0.4),
  ratioTarget('movie GET cached', 0.6),
  ratioTarget('movies list of 100', 0.12),
  ratioTarget('user GET', 0.6),
  ratioTarget('certificate POST', 0.08),
  ratioTarget('orders on many accounts', 0.12),
  ratioTarget('orders on one account', 0.05),
  ratioTarget('billing POST accepted', 0.15),
  {
    name: 'p99 of cached reads, to bare node:http',
    bound: 'at most',
    accepted: 3,
    value: (figures) => find(figures, cached)?.p99_ratio ?? undefined,
  },
  { name: 'cost of request logging', bound: 'at most', accepted: 0.15, value: loggingCost },
  rowRatioTarget(cached, withoutTelemetry(cached), 0.95, 0.98),
  rowRatioTarget(forwarded, withoutTelemetry(forwarded), 0.95, 0.98),
  rowRatioTarget(`${cached} (limits in memory)`, cached, 0.97),
  rowRatioTarget(`${cached} (kept token)`, cached, 0.95),
  { name: 'memory after load', bound: 'at most', accepted: 200, unit: 'MB', value: memory },
  {
    name: 'first answer after the start',
    bound: 'at most',
    accepted: 0.7,
    unit: 's',
    value: (figures) => figures.firstAnswerSeconds,
  },
  {
    name: 'orders posted to stored',
    bound: 'at least',
    accepted: 8_000,
    unit: 'orders/s',
    value: (figures) => figures.storedPerSecond,
  },
]

const engineTargets: Target[] = [
  rowRatioTarget(`${cached} (limits in Redis)`, cached, 0.85),
  rowRatioTarget('guid GET through Redis', 'fastify', 0.62, 0.7),
  rowRatioTarget('guid GET through Redis', 'peer GET through Redis', 1),
  rowRatioTarget('guid POST on PostgreSQL', 'pgbench inserts', 0.8, 1),
  rowRatioTarget('guid POST on PostgreSQL at 128', 'pgbench inserts at 128', 1.3, 1.6),
  rowRatioTarget('guid GET from PostgreSQL uncached', 'pgbench selects', 0.45, 0.65),
  {
    name: "orders end to end through RabbitMQ, to the peer's",
    bound: 'at least',
    accepted: 1.3,
    goal: 1.6,
    value: ({ brokerRates: rates }) => rates && rates.endToEnd / rates.peerEndToEnd,
  },
  {
    name: "orders drained from RabbitMQ, to the peer's",
    bound: 'at least',
    accepted: 2.5,
    value: ({ brokerRates: rates }) => rates && rates.drained / rates.peerDrained,
  },
]

export function evaluateTargets(figures: Figures, engines: boolean): TargetResult[] {
  return (engines ? [...targets, ...engineTargets] : targets).map(({ value: read, ...target }) => {
    const value = read(figures)
    return {
      ...target,
      value: value === undefined ? null : Number(value.toFixed(3)),
      verdict: verdictOf(target, value),
    }
  })
}

function verdictOf({ bound, accepted, goal }: Omit<Target, 'value'>, value: number | undefined): Verdict {
  if (value === undefined) return 'not measured'
  const reaches = (limit: number) => (bound === 'at least' ? value >= limit : value <= limit)
  if (goal !== undefined && reaches(goal)) return 'goal reached'
  return reaches(accepted) ? 'met' : 'missed'
}

function withoutTelemetry(row: string): string {
  return `${row} (telemetry off)`
}

function ratioTarget(row: string, accepted: number, goal?: number): Target {
  const value = (figures: Figures) => find(figures, row)?.ratio
  return { name: row, row, bound: 'at least', accepted, ...(goal === undefined ? {} : { goal }), value }
}

/** The ratio of two rows, each relative to bare node:http. */
function rowRatioTarget(row: string, other: string, accepted: number, goal?: number): Target {
  const value = (figures: Figures) => {
    const [measured, against] = [find(figures, row), find(figures, other)]
    return measured && against && measured.ratio / against.ratio
  }
  const name = `${row}, to ${other}`
  return { name, bound: 'at least', accepted, ...(goal === undefined ? {} : { goal }), value }
}

function loggingCost(figures: Figures): number | undefined {
  const [logged, silent] = [find(figures, cached), find(figures, `${cached} (logging off)`)]
  return logged && silent && 1 - logged.ratio / silent.ratio
}

/** The largest of the rows in which guid runs alone. */
function memory({ results }: Figures): number | undefined {
  const sizes = results.filter(({ name }) => serviceRows.includes(name)).flatMap(({ rss_mb }) => rss_mb ?? [])
  return sizes.length === 0 ? undefined : Math.max(...sizes)
}

/** Undefined for a row that failed or was disturbed in every round: no target is evaluated on it. */
function find({ results }: Figures, row: string): Result | undefined {
  return results.find(({ name, errors, quiet_rounds }) => name === row && errors === 0 && quiet_rounds > 0)
}
