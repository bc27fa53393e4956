import { setTimeout as pause } from 'node:timers/promises'
import { createRecorder } from '../history.ts'
import { certaintyOf, membersOf } from './http-client.ts'
import { clientAt } from './load.ts'
import type { Load, LoadParts } from './load.ts'
import { readFinally, readPages, sendRepeatedly } from './until-known.ts'

const clientCount = 8
const readShare = 0.3
const keyShare = 0.7
const pauseAfterFailureMs = 100
/** Longer than the leases of messages and all retries. */
const drainMsMax = 60_000
const lateMs = 1_500
const comparedMax = 200

/**
 * Orders posted through gateways, each with an amount of its own, some of them repeated under an `Idempotency-Key` until the outcome is
 * known; and reads of what became of them.
 */
export function createBillingLoad(parts: LoadParts): Load {
  const { random, clock, http } = parts
  const recorder = createRecorder('queue', clock.nowNs)
  /** By message id, the amounts of those that were accepted. */
  const accepted = new Map<string, string>()

  function clientOf(number: number): () => Promise<void> {
    const { url, name } = clientAt(parts, number)
    const own = random.fork(`client ${number}`)
    const ids: string[] = []
    let count = 0
    return async () => {
      const [kind, repetition, age, key] = [own.fraction(), own.fraction(), own.integer(20), own.hex()]
      const id = ids.at(-1 - Math.min(age, ids.length - 1))
      const isKnown =
        kind < readShare && id !== undefined
          ? await readStatus(url, name, id)
          : await post(
              url,
              name,
              String((number + 1) * 1_000_000 + ++count),
              repetition < keyShare ? key : '',
            )
      if (!isKnown) await pause(pauseAfterFailureMs)
    }

    async function post(url: string, name: string, amount: string, key: string): Promise<boolean> {
      const complete = recorder.invoke(name, 'orders', { f: 'post', value: amount })
      const request = {
        method: 'POST',
        url: `${url}/api/billing`,
        body: { user_id: String(number + 1), number_of_items: '1', total_amount: amount },
        headers: key === '' ? {} : { 'idempotency-key': key },
      }
      const reply = await (key === '' ? http.send(request) : sendRepeatedly(http, request))
      const certainty = certaintyOf(reply)
      const id = membersOf(reply).message_id
      if (certainty === 'known' && typeof id === 'string') {
        complete('ok')
        ids.push(id)
        accepted.set(id, amount)
        return true
      }
      complete(certainty === 'refused' ? 'fail' : 'info')
      if (certainty === 'known') parts.unexpected(request, reply)
      return false
    }
  }

  /** A message that was accepted is known for ever. */
  async function readStatus(url: string, name: string, id: string): Promise<boolean> {
    const complete = recorder.invoke(name, 'orders', { f: 'read', value: id })
    const request = { method: 'GET', url: `${url}/api/orders/by-message/${id}` }
    const reply = await http.send(request)
    const { status, order } = membersOf(reply)
    const isKnown = certaintyOf(reply) === 'known'
    const isRight =
      status === 'pending' || (status === 'stored' && Object(order).total_amount === accepted.get(id))
    if (isKnown && !isRight) parts.unexpected(request, reply)
    complete(isKnown ? 'ok' : 'fail', isKnown ? { kind: status } : undefined)
    return isKnown
  }

  async function settle(): Promise<void> {
    const { url } = clientAt(parts, 0)
    const read = async () =>
      (await readPages(http, `${url}/api/orders?limit=1000`)).map((row) => String(row.total_amount))
    for (const giveUpAt = performance.now() + drainMsMax; performance.now() < giveUpAt; await pause(200)) {
      const stored = new Set(await read())
      if ([...accepted.values()].every((amount) => stored.has(amount))) break
    }
    // Those without a response may arrive later, and repetitions as well.
    await pause(lateMs)
    for (const value of await read()) recorder.invoke('billing', 'orders', { f: 'stored', value })('ok')
    for (const id of [...accepted.keys()].slice(-comparedMax)) {
      const reply = await readFinally(http, `${url}/api/orders/by-message/${id}`)
      if (membersOf(reply).status !== 'stored')
        parts.unexpected({ method: 'GET', url: `${url}/api/orders/by-message/${id}` }, reply)
    }
  }

  return {
    clients: Array.from({ length: clientCount }, (_, number) => clientOf(number)),
    history: recorder.history,
    settle,
  }
}
