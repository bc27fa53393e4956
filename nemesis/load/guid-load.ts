import { setTimeout as pause } from 'node:timers/promises'
import type { RegisterCall, RegisterResult } from '../checkers/register.ts'
import { createRecorder } from '../history.ts'
import type { Outcome } from '../history.ts'
import { callOf, drawGuid, requestOf, resultOf } from './guid-calls.ts'
import type { GuidCall } from './guid-calls.ts'
import { createGuidKeys } from './guid-keys.ts'
import type { GuidKey } from './guid-keys.ts'
import { certaintyOf } from './http-client.ts'
import type { Reply } from './http-client.ts'
import { clientAt } from './load.ts'
import type { Load, LoadParts } from './load.ts'
import { readFinally, sendRepeatedly } from './until-known.ts'

const clientsDefault = 12
const readersAtEnd = 12
/** A client whose operation had no outcome waits, so that a fault does not fill the history with them. */
const pauseAfterFailureMs = 100
/** Around a second at which something may expire, the response to a write need not say what it did. */
const aroundExpiryMs = 20

/** Operations of all kinds on a few GUIDs at a time, each of whose contents has a `user` of its own. */
export function createGuidLoad(parts: LoadParts, clients = clientsDefault): Load {
  const { random, clock, http } = parts
  const recorder = createRecorder('register', clock.nowNs)
  const keys = createGuidKeys(random.fork('keys'))

  function clientOf(number: number): () => Promise<void> {
    const { url, name } = clientAt(parts, number)
    const own = random.fork(`client ${number}`)
    let count = 0
    return async () => {
      const drawn = drawGuid(own, keys.slots)
      const key = keys.next(drawn.slot)
      const call = callOf(key, drawn, `w${number + 1}.${++count}`, clock.unixMs())
      const outcome = await execute(key, call, url, name)
      keys.completed(key, outcome)
      if (outcome !== 'ok') await pause(pauseAfterFailureMs)
    }
  }

  async function execute(key: GuidKey, call: GuidCall, url: string, name: string) {
    const path = `/guid/${key.guid}`
    const request = requestOf(url + path, call)
    const complete = recorder.invoke(name, path, recordedCall(call))
    const beganUnixMs = clock.unixMs()
    const isRepeatable = 'idempotencyKey' in call
    const reply = await (isRepeatable ? sendRepeatedly(http, request) : http.send(request))
    const { outcome, result } = completionOf(key, call, reply, beganUnixMs)
    complete(outcome, result)
    if (certaintyOf(reply) === 'known' && outcome === 'info' && !key.isExpiring)
      parts.unexpected(request, reply)
    if (result !== undefined && 'version' in result && result.version !== undefined)
      keys.seen(key, result.version)
    return outcome
  }

  function recordedCall(call: GuidCall): RegisterCall {
    if (call.f !== 'create' && call.f !== 'update') return call
    const { expire, ...others } = call
    return { ...others, ...(expire !== undefined && { expiresAt: clock.atUnixSecond(expire) }) }
  }

  function completionOf(key: GuidKey, { f }: GuidCall, reply: Reply, beganUnixMs: number): Completion {
    const certainty = certaintyOf(reply)
    if (certainty !== 'known') return { outcome: certainty === 'unknown' ? 'info' : 'fail' }
    if (key.isExpiring && isOfExpired(f, reply) && isAroundSecond(beganUnixMs)) return { outcome: 'info' }
    const result = resultOf(f, key, reply, clock.atUnixSecond)
    return result === undefined ? { outcome: 'info' } : { outcome: 'ok', result }
  }

  function isAroundSecond(beganUnixMs: number): boolean {
    const second = (unixMs: number) => Math.floor(unixMs / 1_000)
    return second(beganUnixMs - aroundExpiryMs) !== second(clock.unixMs() + aroundExpiryMs)
  }

  return {
    clients: Array.from({ length: clients }, (_, number) => clientOf(number)),
    history: recorder.history,
    async settle() {
      const left = keys.all()
      const reader = async (number: number) => {
        const { url, name } = clientAt(parts, number)
        for (let key = left.pop(); key !== undefined; key = left.pop()) {
          const path = `/guid/${key.guid}`
          const complete = recorder.invoke(name, path, { f: 'read' })
          const reply = await readFinally(http, url + path)
          complete('ok', resultOf('read', key, reply, clock.atUnixSecond))
        }
      }
      await Promise.all(Array.from({ length: readersAtEnd }, (_, number) => reader(number)))
    },
  }
}

type Completion = { readonly outcome: Outcome; readonly result?: RegisterResult }

/** A write that took effect is 400 or 404 where its GUID has expired before the response. */
function isOfExpired(f: GuidCall['f'], reply: Reply): boolean {
  if (typeof reply === 'string') return false
  return (f === 'create' && reply.status === 400) || (f === 'update' && [400, 404].includes(reply.status))
}
