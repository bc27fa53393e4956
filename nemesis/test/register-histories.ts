import type { RegisterCall, RegisterOperation, RegisterResult } from '../checkers/register.ts'

/** Histories of one key, written by hand: an operation is its time, its call and its result; none for an unknown outcome. */
type Line = readonly [from: number, to: number, call: RegisterCall, result?: RegisterResult]

function historyOf(...lines: readonly Line[]): RegisterOperation[] {
  return lines.map(([invokedAt, to, call, result], i) => ({
    id: i + 1,
    process: `client ${i + 1}`,
    key: 'A',
    invokedAt,
    completedAt: result === undefined ? Number.POSITIVE_INFINITY : to,
    outcome: result === undefined ? 'info' : 'ok',
    call,
    result,
  }))
}

const create = (value: string, expiresAt?: number): RegisterCall => ({
  f: 'create',
  value,
  ...(expiresAt !== undefined && { expiresAt }),
})
const update = (value: string, ifMatch?: string): RegisterCall => ({
  f: 'update',
  value,
  ...(ifMatch !== undefined && { ifMatch }),
})
const remove = (ifMatch?: string): RegisterCall => ({
  f: 'delete',
  ...(ifMatch !== undefined && { ifMatch }),
})
const read: RegisterCall = { f: 'read' }
const readIfChanged = (ifNoneMatch: string): RegisterCall => ({ f: 'read', ifNoneMatch })

const written = (version?: string): RegisterResult => ({
  kind: 'written',
  ...(version !== undefined && { version }),
})
const found = (value: string, version: string): RegisterResult => ({ kind: 'found', value, version })
const absent: RegisterResult = { kind: 'absent' }
const exists: RegisterResult = { kind: 'exists' }
const mismatch: RegisterResult = { kind: 'mismatch' }
const notModified = (version: string): RegisterResult => ({ kind: 'not modified', version })

/** Each is what a correct register may respond. */
export const rightHistories: Readonly<Record<string, RegisterOperation[]>> = {
  'a read returns the write before it': historyOf(
    [0, 1, create('w1'), written('1')],
    [2, 3, read, found('w1', '1')],
  ),
  'a read beside a write returns the old content or the new': historyOf(
    [0, 1, create('w1'), written('1')],
    [2, 9, update('w2'), written('2')],
    [3, 4, read, found('w1', '1')],
    [5, 6, read, found('w2', '2')],
  ),
  'nothing is found before the creation, after the deletion, and between two lives': historyOf(
    [0, 1, read, absent],
    [2, 3, create('w1'), written('1')],
    [4, 5, remove(), written()],
    [6, 7, read, absent],
    [8, 9, create('w2'), written('2')],
    [10, 11, read, found('w2', '2')],
  ),
  'a write whose response was lost took effect later': historyOf(
    [0, 1, create('w1'), written('1')],
    [2, 0, update('w2')],
    [3, 4, read, found('w1', '1')],
    [5, 6, read, found('w2', '2')],
  ),
  'a write whose response was lost never took effect': historyOf(
    [0, 1, create('w1'), written('1')],
    [2, 0, remove('1')],
    [3, 4, read, found('w1', '1')],
  ),
  'of two changes under one If-Match the second is refused': historyOf(
    [0, 1, create('w1'), written('1')],
    [2, 5, update('w2', '1'), written('2')],
    [3, 6, update('w3', '1'), mismatch],
  ),
  'a second creation is refused while the first lives': historyOf(
    [0, 1, create('w1'), written('1')],
    [2, 3, create('w2'), exists],
    [4, 5, remove('1'), written()],
    [6, 7, create('w3'), written('2')],
  ),
  'the version that is current is not sent again': historyOf(
    [0, 1, create('w1'), written('1')],
    [2, 3, readIfChanged('1'), notModified('1')],
    [4, 5, update('w2', '1'), written('2')],
    [6, 7, readIfChanged('1'), found('w2', '2')],
  ),
  'a read that began before the second of expiry returns what it saw': historyOf(
    [0, 1, create('w1', 5), written('1')],
    [4, 8, read, found('w1', '1')],
    [6, 7, read, absent],
  ),
  'an expired resource is created again under a new version': historyOf(
    [0, 1, create('w1', 5), written('1')],
    [6, 7, create('w2', 20), written('2')],
    [8, 9, read, found('w2', '2')],
  ),
  'a change defers the expiry': historyOf(
    [0, 1, create('w1', 5), written('1')],
    [2, 3, { f: 'update', value: 'w2', ifMatch: '1', expiresAt: 20 }, written('2')],
    [6, 7, read, found('w2', '2')],
  ),
}

/** Each breaks a promise. */
export const wrongHistories: Readonly<Record<string, RegisterOperation[]>> = {
  'a stale read after a change was answered': historyOf(
    [0, 1, create('w1'), written('1')],
    [2, 3, update('w2'), written('2')],
    [4, 5, read, found('w1', '1')],
  ),
  'a stale read after another read had returned the change': historyOf(
    [0, 1, create('w1'), written('1')],
    [2, 9, update('w2'), written('2')],
    [3, 4, read, found('w2', '2')],
    [5, 6, read, found('w1', '1')],
  ),
  'nothing is found after the creation was answered': historyOf(
    [0, 1, create('w1'), written('1')],
    [2, 3, read, absent],
  ),
  'what was deleted is found again': historyOf(
    [0, 1, create('w1'), written('1')],
    [2, 3, remove(), written()],
    [4, 5, read, found('w1', '1')],
  ),
  'a read returns what nobody wrote': historyOf(
    [0, 1, create('w1'), written('1')],
    [2, 3, read, found('w7', '7')],
  ),
  'a read returns a write before it was sent': historyOf(
    [0, 1, create('w1'), written('1')],
    [2, 3, read, found('w2', '2')],
    [4, 5, update('w2'), written('2')],
  ),
  'an acknowledged change is lost': historyOf(
    [0, 1, create('w1'), written('1')],
    [2, 3, update('w2', '1'), written('2')],
    [4, 5, update('w3', '1'), written('3')],
  ),
  'two creations of one life both succeed': historyOf(
    [0, 5, create('w1'), written('1')],
    [1, 6, create('w2'), written('2')],
  ),
  'a change of what was deleted succeeds': historyOf(
    [0, 1, create('w1'), written('1')],
    [2, 3, remove('1'), written()],
    [4, 5, update('w2', '1'), written('2')],
  ),
  'a deletion without effect is answered as done': historyOf(
    [0, 1, create('w1'), written('1')],
    [2, 3, remove(), written()],
    [4, 5, remove(), written()],
  ),
  'a refused creation where nothing can exist': historyOf([0, 1, create('w1'), exists], [2, 3, read, absent]),
  'an old version is said to be current': historyOf(
    [0, 1, create('w1'), written('1')],
    [2, 3, update('w2', '1'), written('2')],
    [4, 5, readIfChanged('1'), notModified('1')],
  ),
  'If-Match of the current version is refused': historyOf(
    [0, 1, create('w1'), written('1')],
    [2, 3, update('w2', '1'), mismatch],
  ),
  'one ETag for two contents: that of the deleted one passes If-Match on the new one': historyOf(
    [0, 1, create('w1'), written('1')],
    [2, 3, remove('1'), written()],
    [4, 5, create('w2'), written('1')],
    [6, 7, update('w3', '1'), written('2')],
  ),
  'one ETag for two contents: that of the deleted one gets 304': historyOf(
    [0, 1, create('w1'), written('1')],
    [2, 3, remove('1'), written()],
    [4, 5, create('w2'), written('1')],
    [6, 7, readIfChanged('1'), notModified('1')],
  ),
  'a read after the second of expiry finds it': historyOf(
    [0, 1, create('w1', 5), written('1')],
    [6, 7, read, found('w1', '1')],
  ),
  'a creation is answered that waited beyond its own second': historyOf(
    [0, 1, read, absent],
    [6, 9, create('w1', 5), written('1')],
  ),
  'an expired resource is changed': historyOf(
    [0, 1, create('w1', 5), written('1')],
    [6, 7, update('w2', '1'), written('2')],
  ),
  'an expired resource comes back': historyOf(
    [0, 1, create('w1', 5), written('1')],
    [6, 7, read, absent],
    [8, 9, { f: 'update', value: 'w2', ifMatch: '1', expiresAt: 20 }, written('2')],
    [10, 11, read, found('w2', '2')],
  ),
}
