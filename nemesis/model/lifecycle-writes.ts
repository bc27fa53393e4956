import { of } from './explore.ts'
import { mark, sendEnd } from './lifecycle-cache.ts'
import { attemptsMax, clockStart, estimate, idleWriter, judgedTime } from './lifecycle-state.ts'
import type { Add, Kind, LifecycleSettings, Row, State, Writer } from './lifecycle-state.ts'

/** The steps of writes: the call, the lock of the row, the commit, the response. */
export function writerSteps(state: State, i: number, settings: LifecycleSettings, add: Add): void {
  const writer = of(state.writers, i)
  const name = `writer ${i + 1}`
  if (writer.at === 'idle' && writer.calls > 0) beginnings(state, i, settings, add)
  if (writer.at === 'waiting' && state.lock === -1)
    add(`${name} has the lock`, (next) => hold(next, i, settings))
  if (writer.at === 'holding') {
    const isAdmitted = mayCommit(state, i, settings)
    if (isAdmitted && settings.commitsHang === true)
      add(`${name} passes the last comparison`, (next) => {
        of(next.writers, i).at = 'committing'
      })
    else if (isAdmitted) add(`${name} commits`, (next) => commit(next, i, settings))
    else add(`${name} is too late to commit`, (next) => refuse(next, i))
    add(`the session of ${name} ends`, (next) => refuse(next, i))
  }
  if (writer.at === 'committing') add(`${name} commits`, (next) => commit(next, i, settings))
  if (writer.at === 'answering') add(`${name} responds`, (next) => answer(next, i, settings))
}

/** A call that the process accepts: an expiry must not have passed by its estimate of the database's clock. */
function beginnings(state: State, i: number, settings: LifecycleSettings, add: Add): void {
  const { process, kinds } = of(settings.writers, i)
  const expiries = settings.expiries.filter((expire) => expire > estimate(state, process, settings))
  const expiriesOf: Record<Kind, readonly number[]> = {
    create: expiries,
    change: [0, ...expiries],
    delete: [0],
    sweep: [0],
  }
  for (const kind of kinds)
    for (const expire of expiriesOf[kind]) {
      const given = expire === 0 ? '' : `, expiring at ${expire}`
      add(`writer ${i + 1} begins to ${kind}${given}`, (next) => {
        const writer = of(next.writers, i)
        const { time: began, floor: floorThen } = next
        Object.assign(writer, { at: 'waiting', calls: writer.calls - 1, kind, expire, began, floorThen })
        if (kind !== 'sweep') mark(next, i, settings)
        propose(next, i, 0, settings)
      })
    }
}

/** A version for what is to be written, by the clock of the process. The database decides whether it is large enough. */
function propose(state: State, i: number, above: number, settings: LifecycleSettings): void {
  const writer = of(state.writers, i)
  const { process } = of(settings.writers, i)
  const clock = clockStart + state.time + of(settings.processes, process).offset
  const { without } = settings
  if (without === 'versions of the database') writer.version = clock
  else if (without === 'versions of removed rows') writer.version = 1
  else if (writer.kind === 'create' || writer.kind === 'change') {
    writer.version = Math.max(of(state.proposed, process) + 1, above + 1, clock)
    state.proposed[process] = writer.version
  }
}

/** The statements that follow once the lock is granted. */
function hold(state: State, i: number, settings: LifecycleSettings): void {
  const now = judgedTime(state, i, settings)
  const { kind } = of(state.writers, i)
  const { row } = state
  if (kind === 'create') register(state, i, now, settings)
  else if (row === null || row.expire > now === (kind === 'sweep')) refuse(state, i)
  else holdRow(state, i, row)
}

function holdRow(state: State, i: number, row: Row): void {
  const writer = of(state.writers, i)
  state.lock = i
  writer.at = 'holding'
  writer.commitBefore = writer.kind === 'sweep' ? Number.MAX_SAFE_INTEGER : row.expire
  if (writer.kind !== 'change') return
  writer.expire ||= row.expire
  writer.commitBefore = Math.min(row.expire, writer.expire)
  writer.version = Math.max(row.version + 1, writer.version)
}

/** A registration inserts a row, or else replaces an expired one, or else is tried again with a larger version. */
function register(state: State, i: number, now: number, settings: LifecycleSettings): void {
  const writer = of(state.writers, i)
  const { row, floor } = state
  const isLive = row !== null && row.expire > now
  if (mayRegister(state, writer, now, settings)) {
    state.lock = i
    Object.assign(writer, { at: 'holding', commitBefore: writer.expire })
  } else if (!writer.replaces) writer.replaces = true
  else if (writer.expire <= now || isLive || writer.attempt + 1 === attemptsMax) refuse(state, i)
  else {
    Object.assign(writer, { attempt: writer.attempt + 1, replaces: false, floorThen: floor })
    propose(state, i, Math.max(floor, row?.version ?? 0), settings)
  }
}

function mayRegister(
  { row, floor }: State,
  { replaces, version, expire, floorThen }: Writer,
  now: number,
  { without }: LifecycleSettings,
): boolean {
  if (expire <= now || replaces !== (row !== null) || (row !== null && row.expire > now)) return false
  if (without === 'versions of the database' || without === 'versions of removed rows') return true
  const above = Math.max(row?.version ?? 0, without === 'floor after insert' ? floorThen : floor)
  return version > above
}

function mayCommit(state: State, i: number, settings: LifecycleSettings): boolean {
  const { commitBefore, left, kind, token } = of(state.writers, i)
  const isInTime = settings.without === 'clock at the commit' || judgedTime(state, i, settings) < commitBefore
  const hasDeadline = kind !== 'sweep' && token !== 0 && settings.without !== 'deadline'
  return isInTime && (left > 0 || !hasDeadline)
}

function commit(state: State, i: number, settings: LifecycleSettings): void {
  const writer = of(state.writers, i)
  state.lock = -1
  if (writer.kind === 'sweep') {
    sweep(state, i, settings)
    return
  }
  apply(state, writer, settings)
  state.commits += 1
  state.shown = state.commits
  writer.at = 'answering'
  sendEnd(state, i, { commits: state.commits, row: state.row })
}

function apply(
  state: State,
  { kind, version, expire, commitBefore }: Writer,
  settings: LifecycleSettings,
): void {
  if (state.time >= commitBefore)
    state.broken = `a ${kind} took effect at ${state.time}, and not before ${commitBefore}`
  if (kind === 'delete') {
    raiseFloor(state, settings)
    state.row = null
    return
  }
  if (version <= state.highest) state.broken = `version ${version} was given out after ${state.highest}`
  state.highest = Math.max(state.highest, version)
  state.row = { version, expire }
}

/** Removes the expired row, which was absent already. */
function sweep(state: State, i: number, settings: LifecycleSettings): void {
  if (settings.without !== 'versions of swept rows') raiseFloor(state, settings)
  state.row = null
  state.writers[i] = idleWriter(of(state.writers, i).calls)
}

function raiseFloor(state: State, { without }: LifecycleSettings): void {
  if (without !== 'versions of removed rows') state.floor = Math.max(state.floor, state.row?.version ?? 0)
}

/** Nothing was changed. */
function refuse(state: State, i: number): void {
  if (state.lock === i) state.lock = -1
  sendEnd(state, i, null)
  state.writers[i] = idleWriter(of(state.writers, i).calls)
}

/** Shows the new row unless that has expired meanwhile. */
function answer(state: State, i: number, settings: LifecycleSettings): void {
  const writer = of(state.writers, i)
  const { kind, expire, calls } = writer
  const isShown =
    settings.without === 'clock at the response' ||
    expire > estimate(state, of(settings.writers, i).process, settings)
  if (kind !== 'delete' && isShown && state.time >= expire)
    state.broken = `writer ${i + 1} showed at ${state.time} what had expired at ${expire}`
  state.writers[i] = idleWriter(calls)
}
