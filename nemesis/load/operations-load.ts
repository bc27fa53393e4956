import { setTimeout as pause } from 'node:timers/promises'
import { createRecorder } from '../history.ts'
import { certaintyOf, membersOf } from './http-client.ts'
import { clientAt } from './load.ts'
import type { Load, LoadParts } from './load.ts'
import { readFinally, readPages } from './until-known.ts'

const clientCount = 8
const guidCount = 4
const readShare = 0.3
const pauseAfterFailureMs = 100
/** Longer than the leases of messages and all retries. */
const drainMsMax = 60_000
const lateMs = 1_500
const comparedMax = 200

/**
 * Changes of a few GUIDs that are accepted with 202, each with a `user` of its own, and reads of what became of them. What took effect is
 * read from the events at the end, which show it in its order; an event that was delivered again counts once.
 */
export async function createOperationsLoad(parts: LoadParts): Promise<Load> {
  const { random, clock, http } = parts
  const recorder = createRecorder('ordered queue', clock.nowNs)
  /** By the paths of their operations, the contents that were accepted. */
  const accepted = new Map<string, string>()
  const guids: string[] = []
  for (const own = random.fork('guids'); guids.length < guidCount; ) {
    const guid = own.hex().toUpperCase()
    const url = `${clientAt(parts, 0).url}/guid/${guid}`
    const reply = await http.send({ method: 'POST', url, body: { user: 'w0' } })
    if (typeof reply === 'string' || reply.status !== 201) throw new Error(`${guid} cannot be registered.`)
    guids.push(guid)
  }

  function clientOf(number: number): () => Promise<void> {
    const { url, name } = clientAt(parts, number)
    const own = random.fork(`client ${number}`)
    const paths: string[] = []
    let count = 0
    return async () => {
      const [kind, age, slot] = [own.fraction(), own.integer(20), own.integer(guidCount)]
      const path = paths.at(-1 - Math.min(age, paths.length - 1))
      const isKnown =
        kind < readShare && path !== undefined
          ? await readOperation(url, name, path)
          : await change(url, name, guids[slot] ?? '')
      if (!isKnown) await pause(pauseAfterFailureMs)
    }

    async function change(url: string, name: string, guid: string): Promise<boolean> {
      const user = `w${number + 1}.${++count}`
      const complete = recorder.invoke(name, `guid ${guid}`, { f: 'post', value: user })
      const headers = { prefer: 'respond-async' }
      const request = { method: 'PATCH', url: `${url}/guid/${guid}`, body: { user }, headers }
      const reply = await http.send(request)
      const certainty = certaintyOf(reply)
      const id = membersOf(reply).id
      if (typeof reply !== 'string' && reply.status === 202 && typeof id === 'string') {
        complete('ok')
        paths.push(`/operations/${id}`)
        accepted.set(`/operations/${id}`, user)
        return true
      }
      complete(certainty === 'refused' ? 'fail' : 'info')
      if (certainty === 'known') parts.unexpected(request, reply)
      return false
    }
  }

  /** An operation that was accepted is known, and succeeds. */
  async function readOperation(url: string, name: string, path: string): Promise<boolean> {
    const complete = recorder.invoke(name, path, { f: 'read' })
    const request = { method: 'GET', url: url + path }
    const reply = await http.send(request)
    const isKnown = certaintyOf(reply) === 'known'
    const { status, result } = membersOf(reply)
    const isRight =
      status === 'pending' || (status === 'succeeded' && Object(result).user === accepted.get(path))
    if (isKnown && !isRight) parts.unexpected(request, reply)
    complete(isKnown ? 'ok' : 'fail', isKnown ? { kind: status } : undefined)
    return isKnown
  }

  async function readEffects(): Promise<{ guid: string; user: string }[]> {
    const events = await readPages(http, `${clientAt(parts, 0).url}/guid-events?limit=1000`)
    const first = new Map(events.toReversed().map((event) => [event.id, event]))
    return events
      .filter((event) => event.type === 'guid.updated' && first.get(event.id) === event)
      .map(({ guid, user }) => ({ guid: String(guid), user: String(user) }))
  }

  async function settle(): Promise<void> {
    const { url } = clientAt(parts, 0)
    for (const giveUpAt = performance.now() + drainMsMax; performance.now() < giveUpAt; await pause(500)) {
      const seen = new Set((await readEffects()).map(({ user }) => user))
      if ([...accepted.values()].every((user) => seen.has(user))) break
    }
    // Those without a response may be applied later, and repetitions as well.
    await pause(lateMs)
    for (const { guid, user } of await readEffects())
      recorder.invoke('events', `guid ${guid}`, { f: 'stored', value: user })('ok')
    for (const path of [...accepted.keys()].slice(-comparedMax)) {
      const reply = await readFinally(http, url + path)
      if (membersOf(reply).status !== 'succeeded') parts.unexpected({ method: 'GET', url: url + path }, reply)
    }
  }

  return {
    clients: Array.from({ length: clientCount }, (_, number) => clientOf(number)),
    history: recorder.history,
    settle,
  }
}
