import type { DatabaseSync } from 'node:sqlite'

/** Values by name, such as `quintet_queue_messages{queue="billing_queue"}`. */
type Samples = Readonly<Record<string, number>>
type SeriesRow = { readonly at: number; readonly service: string; readonly samples: Samples }

/** How long samples are kept, by how much time each row stands for. */
const tiers = [
  { stepMs: 10_000, keptMs: 6 * 3_600_000 },
  { stepMs: 60_000, keptMs: 3 * 86_400_000 },
  { stepMs: 600_000, keptMs: 30 * 86_400_000 },
] as const
/** Of what is kept once. A new name beyond it is left out, so that labels without a bound do not fill the file. */
const namesMax = 4_096
const rowsMax = 20_000

export type SeriesStore = {
  /**
   * Adds what was measured of a service at a time, to the rows of all tiers. Several samples of a row become one. That of a counter is
   * its increase since the sample before, and may be left out where it is 0.
   */
  addSamples(at: number, service: string, samples: Samples): void
  /**
   * The samples with these names, by time: of all services without one, and of every name without any. The name of a metric stands for
   * those with all of its labels. A row stands for `stepMs`; where
   * that is finer than what is kept of the time, for longer.
   */
  series(range: {
    readonly service?: string | undefined
    readonly names?: readonly string[] | undefined
    readonly from: number
    readonly to: number
    readonly stepMs: number
  }): readonly SeriesRow[]
}

/** The samples of each service, in rows of 10 seconds, of a minute and of ten. */
export function createSeriesStore(
  db: DatabaseSync,
  { now, write }: { now: () => number; write: (work: () => void) => void },
): SeriesStore {
  const names = createNames(db, write)
  const find = db.prepare('select count, samples from series where tier = ? and at = ? and service = ?')
  const put = db.prepare('insert or replace into series values (?, ?, ?, ?, ?)')
  const prune = db.prepare('delete from series where tier = ? and at < ?')
  const between = db.prepare(
    'select at, service, count, samples from series where tier = ? and at >= ? and at <= ? and (service = ? or ? is null) order by at, service limit ?',
  )

  return {
    addSamples(at, service, samples) {
      names.add(Object.keys(samples))
      const added = Object.entries(samples).flatMap(([name, value]) => {
        const id = Number.isFinite(value) ? names.idOf(name) : undefined
        return id === undefined ? [] : [[id, value] as const]
      })
      write(() => {
        for (const { stepMs, keptMs } of tiers) {
          const start = startOf(at, stepMs)
          const found = find.get(stepMs, start, service)
          const count = Number(found?.count ?? 0)
          const before = parseSamples(found?.samples)
          for (const [id, value] of added)
            before.set(id, merged(names.nameOf(id), before.get(id), value, count))
          put.run(stepMs, start, service, count + 1, JSON.stringify([...before].flat()))
          prune.run(stepMs, now() - keptMs)
        }
      })
    },

    series({ service, names: wanted, from, to, stepMs }) {
      const tier = tierFor(stepMs, from, now())
      const step = Math.max(stepMs, tier)
      const rows = between.all(tier, startOf(from, tier), to, service ?? null, service ?? null, rowsMax)
      const only = wanted === undefined ? undefined : new Set(wanted)
      const groups = new Map<
        string,
        { at: number; service: string; count: number; of: Map<string, number> }
      >()
      for (const row of rows) {
        const [start, name] = [startOf(Number(row.at), step), String(row.service)]
        const key = `${start} ${name}`
        const group = groups.get(key) ?? { at: start, service: name, count: 0, of: new Map() }
        groups.set(key, group)
        for (const [id, value] of parseSamples(row.samples)) {
          const of = names.nameOf(id)
          if (only === undefined || only.has(of) || only.has(metricOf(of)))
            group.of.set(of, merged(of, group.of.get(of), value, group.count))
        }
        group.count += 1
      }
      return [...groups.values()].map((group) => ({
        at: group.at,
        service: group.service,
        samples: Object.fromEntries(group.of),
      }))
    },
  }
}

function startOf(at: number, stepMs: number): number {
  return Math.floor(at / stepMs) * stepMs
}

/** The finest tier that is not finer than asked for, and goes back far enough. */
function tierFor(stepMs: number, from: number, now: number): number {
  const found = tiers.findLast((tier) => tier.stepMs <= stepMs) ?? tiers[0]
  const reaching = tiers.find((tier) => tier.stepMs >= found.stepMs && now - from <= tier.keptMs)
  return (reaching ?? tiers[2]).stepMs
}

/** What counts up, by the names of Prometheus. */
const counter = /_(?:total|bucket|count|sum)(?:\{|$)/

/** The sum of increases, so that a rate stays what it was, and the mean of anything else. */
function merged(name: string, before: number | undefined, value: number, count: number): number {
  if (before === undefined) return value
  return counter.test(name) ? before + value : before + (value - before) / (count + 1)
}

/** Its name without its labels. */
function metricOf(name: string): string {
  const brace = name.indexOf('{')
  return brace === -1 ? name : name.slice(0, brace)
}

function parseSamples(text: unknown): Map<number, number> {
  const flat: readonly number[] = typeof text === 'string' ? JSON.parse(text) : []
  const samples = new Map<number, number>()
  for (let i = 0; i + 1 < flat.length; i += 2) samples.set(flat[i] ?? 0, flat[i + 1] ?? 0)
  return samples
}

/** Names by their numbers, which rows have instead. Other processes may add some. */
function createNames(db: DatabaseSync, write: (work: () => void) => void) {
  const ids = new Map<string, number>()
  const names = new Map<number, string>()
  const all = db.prepare('select id, name from series_name')
  const add = db.prepare(
    `insert or ignore into series_name (name) select ? where (select count(*) from series_name) < ${namesMax}`,
  )

  function readAll(): void {
    for (const row of all.all()) {
      ids.set(String(row.name), Number(row.id))
      names.set(Number(row.id), String(row.name))
    }
  }

  return {
    /** Makes names known, as far as there are not too many. */
    add(wanted: readonly string[]): void {
      if (ids.size >= namesMax || wanted.every((name) => ids.has(name))) return
      write(() => {
        for (const name of wanted) if (!ids.has(name)) add.run(name)
      })
      readAll()
    },
    idOf: (name: string): number | undefined => ids.get(name),
    nameOf(id: number): string {
      if (!names.has(id)) readAll()
      return names.get(id) ?? ''
    },
  }
}
