import type { DatabaseSync } from 'node:sqlite'

/** What has changed the system, such as the start of a service. */
type KeptEvent = {
  readonly at: number
  readonly kind: string
  readonly service: string
  readonly text: string
}

/** What somebody has done to the system. */
type KeptAction = {
  readonly id: number
  readonly at: number
  readonly who: string
  readonly what: string
  readonly on: string
  readonly outcome: string
  readonly succeeded: boolean
}

export type HistoryStore = {
  addEvent(event: KeptEvent): void
  /** The newest of a span of time, by time. */
  events(range: { readonly from: number; readonly to: number }): readonly KeptEvent[]
  addAction(action: Omit<KeptAction, 'id'>): void
  /** The newest first, of those before an id. */
  actions(page: { readonly limit: number; readonly before: number | undefined }): readonly KeptAction[]
}

/** How many events, and how many actions, are kept. */
const rowsMax = 10_000
const eventsOfRangeMax = 1_000
const textLengthMax = 1_024

/** The events and actions of a system. */
export function createHistoryStore(db: DatabaseSync, write: (work: () => void) => void): HistoryStore {
  const addEvent = db.prepare('insert into event (at, kind, service, text) values (?, ?, ?, ?)')
  const addAction = db.prepare(
    'insert into action (at, who, what, on_what, outcome, succeeded) values (?, ?, ?, ?, ?, ?)',
  )
  const pruneEvents = db.prepare(`delete from event where id <= (select max(id) from event) - ${rowsMax}`)
  const pruneActions = db.prepare(`delete from action where id <= (select max(id) from action) - ${rowsMax}`)
  const events = db.prepare(
    `select at, kind, service, text from event where at >= ? and at <= ? order by at desc, id desc limit ${eventsOfRangeMax}`,
  )
  const actions = db.prepare(
    'select id, at, who, what, on_what, outcome, succeeded from action where id < ? order by id desc limit ?',
  )
  return {
    addEvent: ({ at, kind, service, text }) =>
      write(() => {
        addEvent.run(Math.floor(at), kind, service, short(text))
        pruneEvents.run()
      }),
    events: ({ from, to }) =>
      events
        .all(from, to)
        .map((row) => ({
          at: Number(row.at),
          kind: String(row.kind),
          service: String(row.service),
          text: String(row.text),
        }))
        .reverse(),
    addAction: ({ at, who, what, on, outcome, succeeded }) =>
      write(() => {
        addAction.run(Math.floor(at), short(who), short(what), short(on), short(outcome), succeeded ? 1 : 0)
        pruneActions.run()
      }),
    actions: ({ limit, before = Number.MAX_SAFE_INTEGER }) =>
      actions.all(before, limit).map((row) => ({
        ...{ id: Number(row.id), at: Number(row.at), who: String(row.who), what: String(row.what) },
        ...{ on: String(row.on_what), outcome: String(row.outcome), succeeded: row.succeeded === 1 },
      })),
  }
}

function short(text: string): string {
  return text.slice(0, textLengthMax)
}
