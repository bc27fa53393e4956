import { fill, readerSteps, writerSteps } from './arbitrated-clients.ts'
import { controlSteps, viewSteps } from './arbitrated-control.ts'
import { emptyKey, structuredCopy, W } from './arbitrated-state.ts'
import type { Add, ArbitratedSettings, Row, State, Without, Writer } from './arbitrated-state.ts'
import { of, stepsFrom } from './explore.ts'
import type { Model } from './explore.ts'

/**
 * The protocol of docs/decisions/0021: the cache in Redis, with a row in the database that says which Redis and which
 * generation of keys in it may be used. One key, whose version is the number of commits to it.
 *
 * Time passes in ticks, and the durations of the protocol are a few of them, in the same order of size. A process that is
 * suspended, or dies, takes no further step, and a message that is lost does not arrive: both are part of every exploration.
 * A commit and its acknowledgement are one step, as are reading the database and responding: the sooner something is shown,
 * the more it requires of later reads.
 */
export function arbitratedCache(settings: ArbitratedSettings): Model<State> {
  return {
    initial: initialState(settings),
    next: (state) => stepsOf(state, settings),
    violation: ({ stale }) => (stale === '' ? undefined : stale),
  }
}

function initialState({ processes, writers, readers, reads, faults = {} }: ArbitratedSettings): State {
  const row: Row = { epoch: 1, mode: 'on', generation: 1, instance: 1 }
  return {
    committed: 0,
    shown: 0,
    stale: '',
    row,
    servers: [
      { run: 1, record: 1, keys: { 1: { ...emptyKey(), version: 0 } } },
      { run: 2, record: 0, keys: {} },
    ],
    runs: 2,
    generations: 1,
    tokens: 0,
    processes: Array.from({ length: processes }, () => ({
      server: 0,
      peer: { run: 1, record: 1 },
      view: { row, age: 0 },
      poll: null,
      since: W,
      settled: [],
      settling: null,
      promoting: null,
      taking: null,
    })),
    writers: writers.map((process) => ({
      process,
      at: 'idle',
      server: 0,
      generation: 0,
      mayStore: false,
      left: 0,
      version: 0,
      hasEnded: false,
    })),
    readers: readers.map((process) => ({
      process,
      at: 'idle',
      left: reads,
      floor: 0,
      token: 0,
      server: 0,
      generation: 0,
    })),
    fills: [],
    snapshot: null,
    faults: { moves: faults.moves ?? 0, flushes: faults.flushes ?? 0, restarts: faults.restarts ?? 0 },
  }
}

function stepsOf(state: State, settings: ArbitratedSettings) {
  return stepsFrom(state, structuredCopy, (add) => {
    for (const i of state.processes.keys()) {
      viewSteps(state, i, settings, add)
      controlSteps(state, i, settings, add)
    }
    for (const i of state.writers.keys()) writerSteps(state, i, settings, add)
    for (const i of state.readers.keys()) readerSteps(state, i, settings, add)
    for (const [i, { token }] of state.fills.entries())
      add(`the fill of lease ${token} arrives`, (next) => fill(next, i))
    faultSteps(state, settings, add)
    timeSteps(state, add)
  })
}

function faultSteps(state: State, { without, movers }: ArbitratedSettings, add: Add): void {
  const { moves, flushes, restarts } = state.faults
  if (moves > 0)
    for (const i of movers ?? state.processes.keys())
      add(`the way of process ${i + 1} leads to the other server`, (next) => {
        next.faults.moves -= 1
        disconnect(next, i, without)
        const process = of(next.processes, i)
        process.server = 1 - process.server
      })
  if (flushes > 0)
    add('server 1 is emptied', (next) => {
      next.faults.flushes -= 1
      Object.assign(of(next.servers, 0), { record: 0, keys: {} })
    })
  if (restarts > 0 && state.snapshot === null)
    add('server 1 stores a snapshot', (next) => {
      next.snapshot = structuredClone(of(next.servers, 0))
    })
  const { snapshot } = state
  if (restarts > 0 && snapshot !== null)
    add('server 1 restarts from its snapshot', (next) => {
      next.faults.restarts -= 1
      next.runs += 1
      next.servers[0] = { ...structuredClone(snapshot), run: next.runs }
      next.snapshot = null
      for (const [i, process] of next.processes.entries())
        if (process.server === 0) disconnect(next, i, without)
    })
}

/** What was sent on a connection and not executed by its end fails; no command is sent again on another one. */
function disconnect(state: State, i: number, without: Without): void {
  Object.assign(of(state.processes, i), { peer: null, taking: null })
  for (const reader of state.readers)
    if (
      reader.process === i &&
      (reader.at === 'empty' || (reader.at === 'getting' && without !== 'connection'))
    )
      reader.at = 'loading'
  for (const writer of state.writers)
    if (writer.process === i && writer.at === 'allowed')
      Object.assign(writer, { at: 'ended', hasEnded: true })
}

function timeSteps(state: State, add: Add): void {
  add('time passes', (next) => {
    for (const process of next.processes) {
      process.view = { ...process.view, age: Math.min(W, process.view.age + 1) }
      process.since = Math.min(W, process.since + 1)
    }
    for (const writer of next.writers) passTime(writer)
    for (const server of next.servers)
      for (const key of Object.values(server.keys))
        key.markers = key.markers.map((marker) => ({ ...marker, left: Math.max(0, marker.left - 1) }))
  })
  for (const [i, server] of state.servers.entries())
    for (const [generation, key] of Object.entries(server.keys))
      if (key.lease !== 0)
        add(`lease ${key.lease} expires`, (next) => {
          of(next.servers, i).keys[Number(generation)] = emptyKey()
        })
}

function passTime(writer: Writer): void {
  writer.left = Math.max(0, writer.left - 1)
}
