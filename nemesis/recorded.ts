import type { ChangeOperation, Delivery } from './checkers/notifications.ts'
import type { PostOperation } from './checkers/queue.ts'
import type { RegisterCall, RegisterOperation, RegisterResult } from './checkers/register.ts'
import { operationsOf } from './history.ts'
import type { History, Operation } from './history.ts'

/** What the lines of a history mean for each checker. An unknown call or result is an error. */

const registerCalls = ['create', 'read', 'update', 'delete']
const registerResults = ['written', 'found', 'not modified', 'absent', 'exists', 'mismatch']

export function asRegister(history: History): RegisterOperation[] {
  return operationsOf(history.events).map((operation) => {
    if (!isRegisterCall(operation.call)) throw unknownPart(operation, 'call', operation.call)
    if (operation.outcome !== 'ok') return { ...operation, call: operation.call, result: undefined }
    if (!isRegisterResult(operation.result)) throw unknownPart(operation, 'result', operation.result)
    return { ...operation, call: operation.call, result: operation.result }
  })
}

function isRegisterCall(call: unknown): call is RegisterCall {
  const { f, value, expiresAt, ifMatch, ifNoneMatch } = members(call)
  return (
    registerCalls.includes(String(f)) &&
    (typeof value === 'string') === (f === 'create' || f === 'update') &&
    isOptional(expiresAt, 'number') &&
    isOptional(ifMatch, 'string') &&
    isOptional(ifNoneMatch, 'string')
  )
}

function isRegisterResult(result: unknown): result is RegisterResult {
  const { kind, value, version, expiresAt } = members(result)
  return (
    registerResults.includes(String(kind)) &&
    (kind !== 'found' || typeof value === 'string') &&
    (kind !== 'not modified' || typeof version === 'string') &&
    isOptional(version, 'string') &&
    isOptional(expiresAt, 'number')
  )
}

export function asPost(history: History): PostOperation[] {
  return withCalls(history, 'post', ['stored', 'read'])
}

export function asChange(history: History): ChangeOperation[] {
  return withCalls(history, 'change', ['delivery', 'read'])
}

/** The operations that are calls of `wanted`; those of `others` are left out. */
function withCalls<F extends string>(history: History, wanted: F, others: readonly string[]) {
  return operationsOf(history.events).flatMap((operation) => {
    const { f, value } = members(operation.call)
    if (others.includes(String(f))) return []
    if (f !== wanted || typeof value !== 'string') throw unknownPart(operation, 'call', operation.call)
    return [{ ...operation, call: { f: wanted, value } }]
  })
}

/** Of `{"f":"stored","value":…}`: what was stored at the end, one operation each, in its order. */
export function storedOf(history: History): string[] {
  return operationsOf(history.events).flatMap(({ call }) => {
    const { f, value } = members(call)
    return f === 'stored' ? [String(value)] : []
  })
}

/** Of `{"f":"delivery","id":…,"value":…}`: what arrived at the receiver, in its order. */
export function deliveriesOf(history: History): Delivery[] {
  return operationsOf(history.events).flatMap(({ key, call }) => {
    const { f, id, value } = members(call)
    return f === 'delivery' ? [{ id: String(id), key, value: String(value) }] : []
  })
}

function members(part: unknown): Record<string, unknown> {
  return Object(part)
}

function isOptional(part: unknown, type: 'string' | 'number'): boolean {
  return part === undefined || typeof part === type
}

function unknownPart({ id }: Operation, name: string, part: unknown): Error {
  return new Error(`operation ${id}: the ${name} ${JSON.stringify(part)} is unknown`)
}
