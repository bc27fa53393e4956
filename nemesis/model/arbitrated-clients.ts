import { D, emptyKey, isMatched, keepOthers, M, overdue, R, W } from './arbitrated-state.ts'
import type { Add, ArbitratedSettings, State, Without } from './arbitrated-state.ts'
import { of } from './explore.ts'

/** The steps of writes and reads. */

export function writerSteps(state: State, i: number, { without }: ArbitratedSettings, add: Add): void {
  const writer = of(state.writers, i)
  const process = of(state.processes, writer.process)
  const { row, age } = process.view
  const name = `writer ${i + 1}`
  if (writer.at === 'idle' && isMatched(process) && (row.mode === 'on' || row.mode === 'warming') && age < W)
    add(`${name} may write`, (next) => {
      const mayStore = row.mode === 'on' || without === 'warming'
      const left = Math.min(D, W - age)
      Object.assign(of(next.writers, i), {
        at: 'allowed',
        server: process.server,
        generation: row.generation,
        mayStore,
        left,
      })
    })
  if (writer.at === 'allowed' && (writer.left > 0 || without === 'deadline'))
    add(`${name} sets its marker`, (next) => begin(next, i, without))
  if (writer.at === 'marked' && (writer.left > 0 || without === 'deadline'))
    add(`the database admits ${name}`, (next) => {
      of(next.writers, i).at = 'committing'
    })
  if (writer.at === 'marked' && writer.left === 0)
    add(`the database refuses ${name}`, (next) => {
      of(next.writers, i).at = 'ended'
    })
  if (writer.at === 'committing')
    add(`${name} commits version ${state.committed + 1} and acknowledges it`, (next) => {
      next.committed += 1
      next.shown = next.committed
      Object.assign(of(next.writers, i), { at: 'ended', version: next.committed })
    })
  if (writer.at === 'ended' && !writer.hasEnded)
    add(`the end of ${name} arrives`, (next) => end(next, i, without))
}

function begin(state: State, i: number, without: Without): void {
  const writer = of(state.writers, i)
  const server = of(state.servers, writer.server)
  if (server.record !== writer.generation) {
    // GONE: nothing was changed.
    Object.assign(writer, { at: 'ended', hasEnded: true })
    return
  }
  writer.at = 'marked'
  const { markers } = server.keys[writer.generation] ?? emptyKey()
  const others = keepOthers(markers, i, settledOf(state, writer, without))
  server.keys[writer.generation] = {
    ...emptyKey(),
    markers: [...others, { of: [i], left: M }],
    isTainted: others.length > 0,
  }
}

/** The writers whose expired markers no longer count for a process. */
function settledOf(state: State, { process }: { process: number }, without: Without): readonly number[] {
  return without === 'settling of markers' ? [...state.writers.keys()] : of(state.processes, process).settled
}

function end(state: State, i: number, without: Without): void {
  const writer = of(state.writers, i)
  writer.hasEnded = true
  const server = of(state.servers, writer.server)
  const key = server.keys[writer.generation]
  if (server.record !== writer.generation || key === undefined) return
  const others = keepOthers(key.markers, i, settledOf(state, writer, without))
  const isOwn = key.markers.some((marker) => marker.of.length === 1 && marker.of[0] === i)
  const mayStore = isOwn && writer.mayStore && writer.version > 0 && (!key.isTainted || without === 'taint')
  if (others.length > 0) server.keys[writer.generation] = { ...emptyKey(), markers: others, isTainted: true }
  else server.keys[writer.generation] = mayStore ? { ...emptyKey(), version: writer.version } : emptyKey()
}

export function readerSteps(state: State, i: number, { without }: ArbitratedSettings, add: Add): void {
  const reader = of(state.readers, i)
  const process = of(state.processes, reader.process)
  const name = `reader ${i + 1}`
  if (reader.at === 'idle' && reader.left > 0) {
    const isUsable = isMatched(process) && process.view.row.mode === 'on' && process.view.age < R
    add(isUsable ? `${name} sends a get` : `${name} bypasses the cache`, (next) => {
      const { generation } = process.view.row
      const at = isUsable ? 'getting' : 'loading'
      Object.assign(of(next.readers, i), { at, floor: next.shown, server: process.server, generation })
    })
  }
  if (reader.at === 'getting') add(`the get of ${name} arrives`, (next) => get(next, i))
  if (reader.at === 'empty') add(`${name} tries to take the lease`, (next) => lease(next, i, without))
  if (reader.at === 'loading')
    add(`${name} reads version ${state.committed} from the database`, (next) => {
      const { token, server, generation } = of(next.readers, i)
      if (token !== 0) next.fills.push({ token, server, generation, version: next.committed })
      respond(next, i, next.committed)
    })
}

function get(state: State, i: number): void {
  const reader = of(state.readers, i)
  const { server } = of(state.processes, reader.process)
  const version = of(state.servers, server).keys[reader.generation]?.version ?? -1
  if (version >= 0) respond(state, i, version)
  else reader.at = 'empty'
}

function lease(state: State, i: number, without: Without): void {
  const reader = of(state.readers, i)
  const process = of(state.processes, reader.process)
  const server = of(state.servers, reader.server)
  reader.at = 'loading'
  const key = server.keys[reader.generation]
  if (server.record !== reader.generation || key === undefined || key.lease !== 0 || key.version >= 0) return
  if (key.markers.some(({ left }) => left > 0)) return
  const doubtful = keepOthers(key.markers, -1, settledOf(state, reader, without)).flatMap(
    (marker) => marker.of,
  )
  if (doubtful.length > 0) {
    process.settling ??= { markers: doubtful, waiting: overdue(state) }
    return
  }
  state.tokens += 1
  reader.token = state.tokens
  server.keys[reader.generation] = { ...emptyKey(), lease: state.tokens }
}

export function fill(state: State, i: number): void {
  const { token, server: at, generation, version } = of(state.fills, i)
  state.fills.splice(i, 1)
  const server = of(state.servers, at)
  if (server.record === generation && server.keys[generation]?.lease === token)
    server.keys[generation] = { ...emptyKey(), version }
}

function respond(state: State, i: number, version: number): void {
  const reader = of(state.readers, i)
  if (version < reader.floor)
    state.stale = `reader ${i + 1} returned version ${version} after ${reader.floor} had been shown`
  state.shown = Math.max(state.shown, version)
  Object.assign(reader, { at: 'idle', left: reader.left - 1, floor: 0, token: 0, server: 0, generation: 0 })
}
