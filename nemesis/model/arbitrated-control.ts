import { emptyKey, isMatched, overdue, R, W } from './arbitrated-state.ts'
import type { Add, ArbitratedSettings, Process, Row, State } from './arbitrated-state.ts'
import { of } from './explore.ts'

/** What a process does to read and to change the row. */

export function viewSteps(state: State, i: number, { without }: ArbitratedSettings, add: Add): void {
  const process = of(state.processes, i)
  const { view, poll, peer } = process
  const server = of(state.servers, process.server)
  const isNews = view.age > 0 || view.row.epoch !== state.row.epoch
  // A reply that takes its time brings an older reading, which is as if it had come at once: the time counts from the request.
  if (isNews && without !== 'time of sending')
    add(`process ${i + 1} reads the row`, (next) => adopt(of(next.processes, i), next.row))
  if (isNews && without === 'time of sending' && poll === null)
    add(`process ${i + 1} sends for the row, which is read`, (next) => {
      of(next.processes, i).poll = next.row
    })
  if (poll !== null)
    add(`process ${i + 1} gets the row`, (next) => {
      of(next.processes, i).poll = null
      adopt(of(next.processes, i), poll)
    })
  if (peer === null || peer.run !== server.run || peer.record !== server.record)
    add(`process ${i + 1} reads the record of server ${process.server + 1}`, (next) => {
      of(next.processes, i).peer = { run: server.run, record: server.record }
    })
  const { settling } = process
  if (settling !== null && !settling.waiting.some((writer) => of(state.writers, writer).at === 'committing'))
    add(`process ${i + 1} has settled the markers`, (next) => {
      const one = of(next.processes, i)
      one.settled = [...new Set([...one.settled, ...settling.markers])].toSorted()
      one.settling = null
    })
}

function adopt(process: Process, row: Row): void {
  if (row.generation !== process.view.row.generation)
    Object.assign(process, { since: 0, settled: [], settling: null, promoting: null })
  process.view = { row, age: 0 }
}

/** The steps that change the row; each only where it is as the process has read it. */
export function controlSteps(
  state: State,
  i: number,
  { without, generationsMax = 3 }: ArbitratedSettings,
  add: Add,
): void {
  const process = of(state.processes, i)
  const { view, since, promoting, taking } = process
  const isCurrent = view.row.epoch === state.row.epoch
  // A process may challenge the Redis of the row at any time: when that is granted matters for liveness only.
  if (!isMatched(process) && isCurrent && taking === null && state.generations < generationsMax)
    takingSteps(state, i, add)
  if (taking !== null)
    add(`process ${i + 1} makes its server the cache, with generation ${taking.generation}`, (next) =>
      take(next, i),
    )
  if (!isCurrent || !isMatched(process)) return
  if (view.row.mode === 'draining' && (since >= R || without === 'read lease'))
    add(`process ${i + 1} allows writes`, (next) => replace(next, { mode: 'warming' }))
  if (view.row.mode === 'warming' && promoting === null && (since >= W || without === 'write lease'))
    add(`process ${i + 1} begins to settle the writes of earlier rows`, (next) => {
      of(next.processes, i).promoting = without === 'settling of writes' ? [] : overdue(next)
    })
  if (promoting !== null && !promoting.some((writer) => of(state.writers, writer).at === 'committing'))
    add(`process ${i + 1} allows reads`, (next) => {
      replace(next, { mode: 'on' })
      of(next.processes, i).promoting = null
    })
}

/** A new generation: its record is written first, on the connection on which the old one was read; then comes the row. */
function takingSteps(state: State, i: number, add: Add): void {
  const { peer, view, since, server } = of(state.processes, i)
  const { run, record } = of(state.servers, server)
  const mayTake = view.row.mode !== 'none' || since >= R
  if (peer !== null && peer.run === run && peer.record === record && mayTake)
    add(`process ${i + 1} writes the record of a generation to server ${server + 1}`, (next) => {
      next.generations += 1
      const one = of(next.processes, i)
      one.taking = { generation: next.generations, epoch: next.row.epoch }
      one.peer = { run, record: next.generations }
      const taken = of(next.servers, server)
      taken.record = next.generations
      taken.keys[next.generations] = emptyKey()
    })
  if (peer === null && view.row.mode !== 'none')
    add(`process ${i + 1} reaches no Redis and makes none the cache`, (next) => {
      next.generations += 1
      replace(next, { mode: 'none', generation: next.generations, instance: 0 })
    })
}

function take(state: State, i: number): void {
  const process = of(state.processes, i)
  const { taking, peer } = process
  process.taking = null
  if (taking === null || peer === null || state.row.epoch !== taking.epoch) return
  const mode = state.row.mode === 'none' ? 'warming' : 'draining'
  replace(state, { mode, generation: taking.generation, instance: peer.run })
}

function replace(state: State, change: Partial<Row>): void {
  state.row = { ...state.row, ...change, epoch: state.row.epoch + 1 }
}
