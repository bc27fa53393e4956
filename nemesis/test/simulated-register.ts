import fc from 'fast-check'
import type { RegisterCall, RegisterOperation, RegisterResult } from '../checkers/register.ts'

/**
 * A correct system in which clients interleave as a schedule says: an operation is invoked, takes effect and completes at
 * times of its own; the response of some is lost, and these take effect late or never.
 */
type Step = { f: 'create' | 'read' | 'update' | 'delete'; tag: number; lifetime: number; isLost: boolean }

const step: fc.Arbitrary<Step> = fc.record({
  f: fc.constantFrom(
    'create',
    'create',
    'read',
    'read',
    'read',
    'read',
    'update',
    'update',
    'update',
    'delete',
  ),
  /** Which of the versions that were shown last is in the condition; 0 for none. */
  tag: fc.constantFrom(0, 0, 0, 1, 1, 2),
  lifetime: fc.oneof(
    { weight: 4, arbitrary: fc.constant(0) },
    { weight: 1, arbitrary: fc.integer({ min: 5, max: 60 }) },
  ),
  isLost: fc.integer({ min: 0, max: 15 }).map((n) => n === 7),
})

/** Histories of one key of a correct register. */
export function registerHistories({ stepsMax = 6, clientsMax = 4 } = {}): fc.Arbitrary<RegisterOperation[]> {
  // Long ones from the start: by itself an array is short.
  const size = 'max'
  const script = fc.array(step, { minLength: 1, maxLength: stepsMax, size })
  const clients = fc.array(script, { minLength: 1, maxLength: clientsMax, size })
  const turns = fc.array(fc.nat(clientsMax), { minLength: 8, maxLength: 4 * stepsMax * clientsMax, size })
  return fc.tuple(clients, turns).map(([scripts, order]) => simulate(scripts, order))
}

/** `failed`: refused without an observation. */
type Response = RegisterResult | 'failed'
type Running = { id: number; invokedAt: number; call: RegisterCall; result?: Response; isLost: boolean }

function simulate(scripts: readonly (readonly Step[])[], turns: readonly number[]): RegisterOperation[] {
  const register = createRegister()
  const operations: RegisterOperation[] = []
  const positions = scripts.map(() => 0)
  const running: (Running | undefined)[] = scripts.map(() => undefined)
  const late: RegisterCall[] = []
  /** The versions that clients have got. */
  const shown: string[] = []
  let now = 0

  const complete = (client: number, { id, invokedAt, call, result }: Running) => {
    const outcome = result === undefined ? 'info' : result === 'failed' ? 'fail' : 'ok'
    const completedAt = result === undefined ? Number.POSITIVE_INFINITY : now
    const part = { id, process: `client ${client}`, key: 'A', invokedAt, completedAt, outcome } as const
    operations.push({ ...part, call, result: result === 'failed' ? undefined : result })
    if (typeof result === 'object' && 'version' in result) shown.push(result.version ?? '')
    running[client] = undefined
  }

  /** Makes the next step of a client: its next call, the effect of it, or its completion. */
  const advance = (client: number) => {
    const one = running[client]
    if (one?.isLost) {
      late.push(one.call)
      complete(client, one)
    } else if (one !== undefined && one.result === undefined) one.result = register.execute(one.call, now)
    else if (one !== undefined) complete(client, one)
    else {
      const next = scripts[client]?.[positions[client] ?? 0]
      if (next === undefined) return
      positions[client] = (positions[client] ?? 0) + 1
      const id = operations.length + running.filter((other) => other !== undefined).length + 1
      running[client] = {
        id: id * 100 + client,
        invokedAt: now,
        call: register.callOf(next, now, shown),
        isLost: next.isLost,
      }
    }
  }

  for (const turn of turns) {
    now += 1
    if (turn < scripts.length) advance(turn)
    else {
      const call = late.shift()
      if (call !== undefined && now % 2 === 0) register.execute(call, now)
    }
  }
  for (const client of scripts.keys())
    for (let left = 0; left < 3; left++) {
      now += 1
      if (running[client] !== undefined) advance(client)
    }
  return operations.toSorted((one, other) => one.invokedAt - other.invokedAt)
}

function createRegister() {
  let versions = 0
  let writes = 0
  let state: { value: string; version: string; expiresAt: number } | undefined

  function execute(call: RegisterCall, now: number): Response {
    if (state !== undefined && state.expiresAt <= now) state = undefined
    if (call.f === 'expire') throw new Error('time is no client')
    if (call.f === 'create') {
      if (state !== undefined) return { kind: 'exists' }
      return set(call.value, call.expiresAt ?? Number.POSITIVE_INFINITY, now)
    }
    if (state === undefined) return { kind: 'absent' }
    if (call.f === 'read')
      return call.ifNoneMatch === state.version
        ? { kind: 'not modified', version: state.version }
        : { kind: 'found', value: state.value, version: state.version }
    if (call.ifMatch !== undefined && call.ifMatch !== state.version) return { kind: 'mismatch' }
    if (call.f === 'update') return set(call.value, call.expiresAt ?? state.expiresAt, now)
    state = undefined
    return { kind: 'written' }
  }

  function set(value: string, expiresAt: number, now: number): Response {
    if (expiresAt <= now) return 'failed'
    versions += 1
    const version = String(versions)
    state = { value, version, expiresAt }
    return { kind: 'written', version }
  }

  function callOf({ f, tag, lifetime }: Step, now: number, shown: readonly string[]): RegisterCall {
    const version = tag === 0 ? undefined : shown.at(-tag)
    if (f === 'read') return { f, ...(version !== undefined && { ifNoneMatch: version }) }
    const ifMatch = version === undefined ? {} : { ifMatch: version }
    if (f === 'delete') return { f, ...ifMatch }
    writes += 1
    const expiry = lifetime === 0 ? {} : { expiresAt: now + lifetime }
    return f === 'create'
      ? { f, value: `w${writes}`, ...expiry }
      : { f, value: `w${writes}`, ...expiry, ...ifMatch }
  }

  return { execute, callOf }
}

/** Replaces one response by another one that its call can have. */
export function withOneMutation(
  operations: readonly RegisterOperation[],
  which: number,
  by: number,
): RegisterOperation[] {
  const known = operations.filter(({ outcome }) => outcome === 'ok')
  const target = known[which % Math.max(1, known.length)]
  if (target === undefined) return [...operations]
  const results = responsesTo(target.call, known)
  return operations.map((one) => (one === target ? { ...one, result: results[by % results.length] } : one))
}

function responsesTo(call: RegisterCall, known: readonly RegisterOperation[]): RegisterResult[] {
  const given = known.flatMap(({ result }) => result ?? [])
  if (call.f === 'read')
    return [{ kind: 'absent' }, ...given.filter(({ kind }) => kind === 'found' || kind === 'not modified')]
  if (call.f === 'create') return [{ kind: 'exists' }, ...given.filter(({ kind }) => kind === 'written')]
  const refusals: RegisterResult[] = 'ifMatch' in call ? [{ kind: 'mismatch' }] : []
  return [{ kind: 'absent' }, { kind: 'written', version: 'another' }, ...refusals]
}

/** Replaces the result of a read by a content that was overwritten before the read began, if there is such a read. */
export function withStaleRead(operations: readonly RegisterOperation[]): RegisterOperation[] | undefined {
  for (const read of operations.toReversed()) {
    if (read.result?.kind !== 'found') continue
    const writes = operations.filter(
      ({ call, result, completedAt }) =>
        (call.f === 'create' || call.f === 'update') &&
        result?.kind === 'written' &&
        completedAt < read.invokedAt,
    )
    for (const old of writes)
      for (const overwriting of writes)
        if (old.completedAt < overwriting.invokedAt && 'value' in old.call && old.result?.kind === 'written')
          return operations.map((one) =>
            one === read ? { ...one, result: { ...old.result, kind: 'found', value: contentOf(old) } } : one,
          )
  }
  return undefined
}

function contentOf({ call }: RegisterOperation): string {
  return 'value' in call ? call.value : ''
}
