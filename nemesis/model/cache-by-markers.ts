import { of, stepsFrom } from './explore.ts'
import type { AddStep, Model } from './explore.ts'
import { emptyKey, initialState, structuredCopy } from './markers-state.ts'
import type { Connection, MarkersSettings, Server, State, Writer } from './markers-state.ts'

/**
 * The cache in Redis as docs/decisions/0012 first had it: markers, fill leases, generations and a quarantine. One key; the
 * version is the number of commits to it. Each client is a process of its own.
 *
 * Time has no numbers here: what a duration guarantees is a condition of the step that ends it, so that a marker expires only
 * once the deadline of its write has passed, and a quarantine ends only once those of all earlier writes have. A client that is
 * suspended, or dies, takes no further step, which is a part of every exploration. A commit and its acknowledgement are one
 * step, as are reading the database and responding: the sooner something is shown, the more it requires of later reads.
 */
export function cacheByMarkers(settings: MarkersSettings): Model<State> {
  return {
    initial: initialState(settings),
    next: (state) => stepsOf(state, settings),
    violation: ({ stale }) => (stale === '' ? undefined : stale),
  }
}

type Add = AddStep<State>

function stepsOf(state: State, settings: MarkersSettings) {
  return stepsFrom(state, structuredCopy, (add) => {
    for (const i of state.writers.keys()) writerSteps(state, i, settings, add)
    for (const i of state.readers.keys()) readerSteps(state, i, settings, add)
    for (const i of state.fills.keys())
      add(`the fill of token ${state.fills[i]?.token} arrives`, (next) => fill(next, i, settings))
    faultSteps(state, settings, add)
    timeSteps(state, settings, add)
  })
}

/** The server of a connection, if its generation is the one that the connection has read. */
function serverOf(state: State, { server, generation }: Connection): Server | undefined {
  const found = of(state.servers, server)
  return generation !== 0 && found.record === generation ? found : undefined
}

function writerSteps(state: State, i: number, settings: MarkersSettings, add: Add): void {
  const writer = of(state.writers, i)
  const name = `writer ${i + 1}`
  if (writer.at === 'idle') {
    if (serverOf(state, writer.connection) !== undefined)
      add(`${name} sets its marker`, (next) => begin(next, i, settings))
    else add(`${name} reads the generation`, (next) => refresh(next, of(next.writers, i).connection))
  }
  if (writer.at === 'marked' && !writer.isLate)
    add(`the database begins the statement of ${name}`, (next) => {
      of(next.writers, i).at = 'committing'
    })
  if (writer.at === 'marked' && writer.isLate)
    add(`the database refuses ${name}`, (next) => {
      of(next.writers, i).at = 'ended'
    })
  if (writer.at === 'committing')
    add(`${name} commits version ${state.committed + 1} and acknowledges it`, (next) => {
      next.committed += 1
      Object.assign(of(next.writers, i), { at: 'ended', version: next.committed })
      next.shown = next.committed
    })
  if (writer.at === 'ended' && !writer.hasEnded)
    add(`the end of ${name} arrives`, (next) => end(next, i, settings))
}

/** Reads the record of the generation at the other end of a connection, and starts one where there is none. */
function refresh(state: State, connection: Connection): void {
  const server = of(state.servers, connection.server)
  if (server.record === 0) {
    state.generations += 1
    server.record = state.generations
    server.key = emptyKey()
    server.earlier = [...state.writers.keys()].filter((i) =>
      ['marked', 'committing'].includes(of(state.writers, i).at),
    )
  }
  connection.generation = server.record
}

function begin(state: State, i: number, { without }: MarkersSettings): void {
  const writer = of(state.writers, i)
  writer.at = 'marked'
  writer.marked = { ...writer.connection }
  const server = serverOf(state, writer.marked)
  if (without === 'marker' || server === undefined) return
  const { markers } = server.key
  server.key = { ...emptyKey(), markers: [...markers, i], isTainted: markers.length > 0 }
}

function end(state: State, i: number, { without }: MarkersSettings): void {
  const writer = of(state.writers, i)
  writer.hasEnded = true
  const server = serverOf(state, writer.marked)
  if (server === undefined) return
  const { key } = server
  const others = key.markers.filter((one) => one !== i)
  const isAlone = key.markers.includes(i) && (!key.isTainted || without === 'taint')
  if (others.length > 0) server.key = { ...emptyKey(), markers: others, isTainted: true }
  else if (isAlone && writer.version > 0 && server.earlier === undefined)
    server.key = { ...emptyKey(), version: writer.version }
  else server.key = emptyKey()
}

function readerSteps(state: State, i: number, settings: MarkersSettings, add: Add): void {
  const reader = of(state.readers, i)
  const name = `reader ${i + 1}`
  const server = serverOf(state, reader.connection)
  if (reader.at === 'idle' && reader.connection.generation === 0)
    add(`${name} reads the generation`, (next) => refresh(next, of(next.readers, i).connection))
  if (reader.at === 'idle' && reader.left > 0) add(`${name} gets the key`, (next) => get(next, i))
  if (reader.at === 'empty' && server !== undefined)
    add(`${name} tries to take the lease`, (next) => lease(next, i, settings))
  if (reader.at === 'empty' && server === undefined)
    add(`${name} finds another generation`, (next) => {
      const one = of(next.readers, i)
      one.connection.generation = 0
      one.at = 'loading'
    })
  if (reader.at === 'loading')
    add(`${name} reads version ${state.committed} from the database`, (next) => {
      const { connection, token } = of(next.readers, i)
      if (token !== 0) next.fills.push({ to: { ...connection }, token, version: next.committed })
      respond(next, i, next.committed)
    })
}

function get(state: State, i: number): void {
  const reader = of(state.readers, i)
  reader.floor = state.shown
  const key = serverOf(state, reader.connection)?.key
  if (key !== undefined && key.version >= 0) respond(state, i, key.version)
  else reader.at = reader.connection.generation === 0 ? 'loading' : 'empty'
}

function lease(state: State, i: number, { without }: MarkersSettings): void {
  const reader = of(state.readers, i)
  const server = serverOf(state, reader.connection)
  reader.at = 'loading'
  if (server === undefined || (server.earlier !== undefined && without !== 'quarantine')) return
  const { key } = server
  if (key.markers.length > 0 || key.lease !== 0 || key.version >= 0) return
  state.tokens += 1
  reader.token = state.tokens
  server.key = { ...emptyKey(), lease: state.tokens }
}

function fill(state: State, i: number, { without }: MarkersSettings): void {
  const { to, token, version } = of(state.fills, i)
  state.fills.splice(i, 1)
  const server = serverOf(state, to)
  if (server === undefined) return
  const mayStore = without === 'lease' ? server.key.markers.length === 0 : server.key.lease === token
  if (mayStore) server.key = { ...emptyKey(), version }
}

function respond(state: State, i: number, version: number): void {
  const reader = of(state.readers, i)
  if (version < reader.floor)
    state.stale = `reader ${i + 1} returned version ${version} after ${reader.floor} had been shown`
  state.shown = Math.max(state.shown, version)
  Object.assign(reader, { at: 'idle', left: reader.left - 1, floor: 0, token: 0 })
}

function faultSteps(state: State, { isSplit = false }: MarkersSettings, add: Add): void {
  if (state.flushes > 0)
    add('Redis is emptied', (next) => {
      next.flushes -= 1
      Object.assign(of(next.servers, next.way), { record: 0, key: emptyKey(), earlier: undefined })
    })
  if (state.swaps > 0 && !isSplit)
    add('the way to Redis leads to the other server', (next) => {
      next.swaps -= 1
      next.way = 1 - next.way
      for (const { connection } of [...next.writers, ...next.readers])
        Object.assign(connection, { server: next.way, generation: 0 })
    })
  if (state.swaps > 0 && isSplit)
    for (const [i, { connection }] of state.readers.entries())
      add(`the way of reader ${i + 1} leads to the other server`, (next) => {
        next.swaps -= 1
        Object.assign(of(next.readers, i).connection, { server: 1 - connection.server, generation: 0 })
      })
}

/** Whether a write can no longer take effect. */
function isOver({ at, isLate }: Writer, commitsHang: boolean): boolean {
  return isLate && (at !== 'committing' || commitsHang)
}

function timeSteps(state: State, { commitsHang = false, without }: MarkersSettings, add: Add): void {
  for (const [i, writer] of state.writers.entries())
    if (writer.at !== 'idle' && !writer.isLate)
      add(`the deadline of writer ${i + 1} passes`, (next) => {
        of(next.writers, i).isLate = true
      })
  for (const [i, server] of state.servers.entries()) {
    const { markers, lease: token } = server.key
    for (const owner of markers)
      if (without === 'deadline' || isOver(of(state.writers, owner), commitsHang))
        add(`the marker of writer ${owner + 1} expires`, (next) => {
          const { key } = of(next.servers, i)
          key.markers = key.markers.filter((one) => one !== owner)
          if (key.markers.length === 0) Object.assign(key, emptyKey())
          else key.isTainted = true
        })
    if (token !== 0)
      add(`lease ${token} expires`, (next) => {
        of(next.servers, i).key = emptyKey()
      })
    if (server.earlier?.every((owner) => isOver(of(state.writers, owner), commitsHang)))
      add(`the quarantine of generation ${server.record} ends`, (next) => {
        of(next.servers, i).earlier = undefined
      })
  }
}
