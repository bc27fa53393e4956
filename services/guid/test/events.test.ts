import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { openStreamQueue } from '@quintet/chassis/queue'
import { until } from '@quintet/chassis/testing'
import { GuidEvent } from '@quintet/contracts'
import { Value } from 'typebox/value'
import { createWorld, startSeconds } from './world.ts'

const canonical = '5E95AAD3B0D94B0F8C3D8A8F7E1C2B3A'

/** A world whose events are read from the queue, as by a client. */
async function eventfulWorld(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'quintet-events-'))
  const url = `sqlite:${join(folder, 'queue.db')}`
  const world = await createWorld(t, { EVENTS_URL: url })
  const queue = await openStreamQueue(url)
  t.after(async () => {
    await queue.close()
    rmSync(folder, { recursive: true, force: true })
  })
  async function events(count: number, withinMs?: number): Promise<GuidEvent[]> {
    const read = () => queue.readStream('guid.events', { limit: 5_000 })
    await until(async () => (await read()).length >= count, withinMs)
    const messages = await read()
    return messages.map(({ body, key }) => {
      const event: unknown = JSON.parse(body)
      assert.ok(Value.Check(GuidEvent, event), body)
      assert.equal(event.guid, key)
      return event
    })
  }
  return { ...world, events }
}

test('Every change has one event, in order, with the state after the change', async (t) => {
  const { post, patch, delete: remove, events } = await eventfulWorld(t)
  const expire = startSeconds + 60
  await post(`/guid/${canonical}`, { user: 'ada "quoted"', expire })
  await patch(`/guid/${canonical}`, { user: 'eve' })
  await remove(`/guid/${canonical}`)
  const published = await events(3)
  assert.deepEqual(
    published.map(({ type, user, expire }) => [type, user, expire]),
    [
      ['guid.created', 'ada "quoted"', expire],
      ['guid.updated', 'eve', expire],
      ['guid.deleted', 'eve', expire],
    ],
  )
  assert.ok(published.every(({ version }, i) => i === 0 || version >= (published[i - 1]?.version ?? 0)))
})

test('A refused change has no event', async (t) => {
  const { post, patch, delete: remove, events } = await eventfulWorld(t)
  await post(`/guid/${canonical}`, { user: 'ada' })
  await post(`/guid/${canonical}`, { user: 'eve' })
  await patch(`/guid/${canonical}`, { user: 'eve' }, { 'if-match': '"1"' })
  await remove(`/guid/${canonical}`, { 'if-match': '"1"' })
  await remove(`/guid/${canonical.replace('5', '6')}`)
  await patch(`/guid/${canonical}`, { user: 'bob' })
  assert.deepEqual(
    (await events(2)).map(({ type }) => type),
    ['guid.created', 'guid.updated'],
  )
})

test('Each expired GUID is removed and has one event', async (t) => {
  const { post, clock, events } = await eventfulWorld(t)
  const create = async (user: string) => {
    const body = { user, expire: startSeconds + 1 }
    // An engine on a busy machine may refuse some; under a key a repetition has no further effect.
    for (let status = 0; status !== 201; )
      ({ statusCode: status } = await post('/guid', body, { 'idempotency-key': user }))
  }
  await Promise.all(Array.from({ length: 600 }, (_, i) => create(`user-${i}`)))
  await post('/guid', { user: 'stays', expire: startSeconds + 60 })
  clock.advance(1_000)
  // More than the sweeper takes at once. MongoDB's stand-in needs a while for them, on a busy machine much longer.
  const published = await events(1_201, 300_000)
  const expired = published.filter(({ type }) => type === 'guid.expired').map(({ guid }) => guid)
  assert.equal(expired.length, 600)
  assert.equal(new Set(expired).size, expired.length)
})

test('The metrics have the depth of the queue of commands, and the backlog of the outbox and its age', async (t) => {
  const { post, get, events } = await eventfulWorld(t)
  await post('/guid', { user: 'ada' })
  await events(1)
  await until(async () => /^quintet_outbox_messages 0$/m.test((await get('/metrics')).body))
  const { body } = await get('/metrics')
  assert.match(body, /^quintet_outbox_oldest_age_seconds 0$/m)
  assert.match(body, /^quintet_queue_messages\{queue="guid\.commands",state="live"\} 0$/m)
})

test('A GUID that is registered again before it was swept has the event of its expiry first', async (t) => {
  const { post, clock, events } = await eventfulWorld(t)
  await post(`/guid/${canonical}`, { user: 'ada', expire: startSeconds + 1 })
  clock.advance(1_000)
  await post(`/guid/${canonical}`, { user: 'eve' })
  assert.deepEqual(
    (await events(3)).map(({ type, user }) => `${type} ${user}`),
    ['guid.created ada', 'guid.expired ada', 'guid.created eve'],
  )
})
