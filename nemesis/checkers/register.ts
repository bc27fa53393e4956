import type { Operation } from '../history.ts'
import type { Specification } from './wing-gong.ts'

/**
 * One resource as a register with versions: created, changed and deleted with or without If-Match, read with or without
 * If-None-Match, expiring at a known time. Each write has its own `value`, so that a read names the write that it saw.
 */
export type RegisterCall =
  | { readonly f: 'create'; readonly value: string; readonly expiresAt?: number }
  | { readonly f: 'read'; readonly ifNoneMatch?: string }
  | { readonly f: 'update'; readonly value: string; readonly expiresAt?: number; readonly ifMatch?: string }
  | { readonly f: 'delete'; readonly ifMatch?: string }
  /** Not of a client: time passes `expiresAt`. */
  | { readonly f: 'expire'; readonly expiresAt: number }

export type RegisterResult =
  /** Of a write that took effect: 201, 200 or 204. `version` is its ETag. */
  | { readonly kind: 'written'; readonly version?: string }
  | { readonly kind: 'found'; readonly value: string; readonly version?: string; readonly expiresAt?: number }
  /** 304 */
  | { readonly kind: 'not modified'; readonly version: string }
  /** 404 */
  | { readonly kind: 'absent' }
  /** 409 */
  | { readonly kind: 'exists' }
  /** 412 */
  | { readonly kind: 'mismatch' }

export type RegisterOperation = Operation<RegisterCall, RegisterResult>

/** `expired`: the latest expiry that has passed. */
type RegisterState = {
  readonly value?: string
  readonly version?: string
  readonly expiresAt: number
  readonly expired: number
}

const never = Number.POSITIVE_INFINITY

/** What a register does with one operation after another. An unknown operation that takes effect succeeds. */
export const registerSpecification: Specification<RegisterState, RegisterOperation> = {
  initial: { expiresAt: never, expired: Number.NEGATIVE_INFINITY },
  apply(state, operation) {
    const { call, result } = operation
    if (call.f === 'expire') return expire(state, call.expiresAt)
    if (result === undefined || result.kind === 'written') return write(state, operation)
    return isObserved(state, operation) ? state : undefined
  },
  isObservation: ({ call, result }) =>
    call.f === 'read' || (call.f !== 'expire' && result !== undefined && result.kind !== 'written'),
  encode: ({ value = '', version = '', expiresAt, expired }) => `${value} ${version} ${expiresAt} ${expired}`,
}

function expire(state: RegisterState, at: number): RegisterState | undefined {
  if (at <= state.expired) return undefined
  return state.expiresAt === at ? { expiresAt: never, expired: at } : { ...state, expired: at }
}

function write(state: RegisterState, { id, call, result }: RegisterOperation): RegisterState | undefined {
  const isPresent = state.value !== undefined
  if (call.f === 'read' || call.f === 'expire' || isPresent === (call.f === 'create')) return undefined
  if (call.f !== 'create' && call.ifMatch !== undefined && call.ifMatch !== state.version) return undefined
  if (call.f === 'delete') return { expiresAt: never, expired: state.expired }
  const expiresAt = call.expiresAt ?? state.expiresAt
  if (expiresAt <= state.expired) return undefined
  const version = result?.kind === 'written' && result.version !== undefined ? result.version : `? of ${id}`
  return { value: call.value, version, expiresAt, expired: state.expired }
}

/** Whether a response without effect is right in a state. */
function isObserved(state: RegisterState, { call, result }: RegisterOperation): boolean {
  const isPresent = state.value !== undefined
  if (result?.kind === 'found')
    return (
      result.value === state.value &&
      (result.version === undefined || result.version === state.version) &&
      (result.expiresAt === undefined || result.expiresAt === state.expiresAt)
    )
  if (result?.kind === 'not modified') return result.version === state.version
  if (result?.kind === 'absent') return !isPresent
  if (result?.kind === 'exists') return isPresent
  // RFC 9110, 13.1.1: If-Match is false too where there is no current representation.
  return 'ifMatch' in call && call.ifMatch !== state.version
}

/**
 * The operations of one key as the checkers need them: without those that certainly had no effect and unknown reads; writes
 * whose response is unknown with the version that a reader saw; and an operation for each expiry that the history reaches.
 * `toleranceNs`: how far the clock that decides about expiry may be from that of the history.
 */
export function prepareRegister(
  operations: readonly RegisterOperation[],
  toleranceNs = 0,
): RegisterOperation[] {
  const versions = new Map<string, string>()
  for (const { result } of operations)
    if (result?.kind === 'found' && result.version !== undefined && !versions.has(result.value))
      versions.set(result.value, result.version)
  const kept = operations
    .filter(({ outcome, call }) => outcome === 'ok' || (outcome === 'info' && call.f !== 'read'))
    .map((operation) => withVersion(operation, versions))
  return [...kept, ...expiriesOf(kept, toleranceNs)].toSorted((one, other) => one.invokedAt - other.invokedAt)
}

function withVersion(operation: RegisterOperation, versions: ReadonlyMap<string, string>): RegisterOperation {
  const { call, result, outcome } = operation
  if (call.f !== 'create' && call.f !== 'update') return operation
  const version = versions.get(call.value)
  if (version === undefined) return operation
  if (outcome === 'info' || (result?.kind === 'written' && result.version === undefined))
    return { ...operation, result: { kind: 'written', version } }
  return operation
}

function expiriesOf(operations: readonly RegisterOperation[], toleranceNs: number): RegisterOperation[] {
  const last = Math.max(
    ...operations.map((one) => (Number.isFinite(one.completedAt) ? one.completedAt : one.invokedAt)),
  )
  const times = new Set<number>()
  for (const { call } of operations)
    if ((call.f === 'create' || call.f === 'update') && call.expiresAt !== undefined)
      times.add(call.expiresAt)
  return [...times]
    .filter((at) => at <= last)
    .map((at, i) => ({
      id: -1 - i,
      process: 'time',
      key: operations[0]?.key ?? '',
      invokedAt: at - toleranceNs,
      completedAt: at + toleranceNs,
      outcome: 'ok',
      call: { f: 'expire', expiresAt: at },
      result: { kind: 'written' },
    }))
}
