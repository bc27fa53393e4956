import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { test } from 'node:test'
import { notificationBackoffMs } from '../src/consumer.ts'
import { makeCertificate } from './make-certificate.ts'
import { eventually, secret, startReceiver } from './start-receiver.ts'
import { configOf, createWorld, opaque, startMs } from './world.ts'
import type { World } from './world.ts'

const dayMs = 86_400_000

type Logged = {
  id: string
  event: string
  body: unknown
  status: string
  attempts: { status?: number; error?: string }[]
}

async function log({ get }: World, certificate: string): Promise<Logged[]> {
  return (await get(`${certificate}/notifications`)).json()
}

/** Waits until outbox and queue are empty: a clock that is set ahead ends their leases, which would repeat a delivery. */
async function untilAcknowledged({ get }: World): Promise<void> {
  const empty = [
    'quintet_outbox_messages',
    'quintet_queue_messages{queue="certificates.notifications",state="live"}',
  ]
  await eventually(
    async () => (await get('/metrics', { accept: 'text/plain' })).body,
    (metrics) => empty.every((name) => metrics.includes(`${name} 0\n`)),
  )
}

test('PATCH with notify posts a signed {id, active} to the receiver and logs the delivery', async (t) => {
  const { received, settings } = await startReceiver(t)
  const world = await createWorld(t, settings)
  const certificate = await world.addCertificate()
  assert.equal((await world.patch(certificate, { active: false, notify: true })).statusCode, 202)
  const [logged] = await eventually(
    () => log(world, certificate),
    ([first]) => first?.status === 'delivered',
  )
  const [message] = received
  assert.equal(message?.body, '{"id":1,"active":false}')
  const timestamp = String(message.headers['x-timestamp'])
  const signature = createHmac('sha256', secret).update(`${timestamp}.${message.body}`).digest('hex')
  assert.equal(message.headers['x-signature'], `sha256=${signature}`)
  assert.equal(timestamp, String(startMs / 1000))
  assert.equal(message.headers['content-type'], 'application/json')
  assert.equal(message.headers['x-event'], 'certificate.active_changed')
  assert.deepEqual(logged, {
    id: message.headers['x-delivery-id'],
    event: 'certificate.active_changed',
    body: { id: 1, active: false },
    status: 'delivered',
    created_at: new Date(startMs).toISOString(),
    attempts: [{ at: new Date(startMs).toISOString(), status: 204 }],
  })
})

test('The metrics have the depth of the queue, of its dead letters and of the outbox', async (t) => {
  const { settings } = await startReceiver(t)
  const { get } = await createWorld(t, settings)
  const metrics = (await get('/metrics', { accept: 'text/plain' })).body
  for (const state of ['live', 'dead'])
    assert.ok(
      metrics.includes(`quintet_queue_messages{queue="certificates.notifications",state="${state}"} 0\n`),
      state,
    )
  for (const name of ['quintet_outbox_messages', 'quintet_outbox_oldest_age_seconds'])
    assert.ok(metrics.includes(`${name} 0\n`), name)
})

test('Without notify, and for a refused change, no notification is sent', async (t) => {
  const { received, settings } = await startReceiver(t)
  const world = await createWorld(t, settings)
  const certificate = await world.addCertificate()
  await world.patch(certificate, { active: false })
  await world.patch(certificate, { active: true, notify: false })
  await world.patch(certificate, { active: true, notify: true })
  await world.patch(certificate, { active: false, notify: true }, { 'if-match': '"1"' })
  await world.patch(certificate, { active: false, notify: true })
  await eventually(
    () => received.length,
    (count) => count > 0,
  )
  await pause(150)
  assert.deepEqual(
    received.map(({ body }) => body),
    ['{"id":1,"active":false}'],
  )
  assert.equal((await log(world, certificate)).length, 1)
})

test('Without a receiver the response is still 202, and the notification is logged as skipped', async (t) => {
  const world = await createWorld(t)
  const certificate = await world.addCertificate()
  assert.equal((await world.patch(certificate, { active: false, notify: true })).statusCode, 202)
  const [logged] = await log(world, certificate)
  assert.deepEqual([logged?.status, logged?.attempts], ['skipped', []])
})

test('A receiver that was down gets every notification, in order per certificate', async (t) => {
  let down = true
  const { received, settings } = await startReceiver(t, () => (down ? 503 : 200))
  const world = await createWorld(t, settings)
  const user = await world.addUser()
  const certificates = [await world.addCertificate(opaque, user), await world.addCertificate(opaque, user)]
  for (const active of [false, true, false])
    for (const certificate of certificates)
      assert.equal((await world.patch(certificate, { active, notify: true })).statusCode, 202)
  const logs = async () => {
    world.clock.advance(100)
    return (await Promise.all(certificates.map((one) => log(world, one)))).flat()
  }
  await eventually(logs, (all) => all.filter(({ attempts }) => attempts.length >= 2).length === 2)
  down = false
  received.length = 0
  const delivered = await eventually(logs, (all) => all.every(({ status }) => status === 'delivered'))
  assert.equal(delivered.length, 6)
  assert.ok(delivered.every(({ status }) => status === 'delivered'))
  assert.ok((delivered[0]?.attempts.length ?? 0) >= 3)
  assert.equal(delivered[0]?.attempts[0]?.status, 503)
  for (const id of [1, 2])
    assert.deepEqual(
      received.map(({ body }) => JSON.parse(body)).filter((body) => body.id === id),
      [false, true, false].map((active) => ({ id, active })),
    )
})

for (const [what, status, reason] of [
  ['hangs', undefined, /^no response within 50 ms$/],
  ['redirects', 302, undefined],
  ['responds with an error', 410, undefined],
] as const)
  test(`A notification to a receiver that ${what} is retried up to the limit of attempts, and then logged as failed`, async (t) => {
    const { received, settings } = await startReceiver(t, () => status)
    const world = await createWorld(t, {
      ...settings,
      // Only the one that hangs is to exceed it, however slow the machine is.
      CERTIFICATES_NOTIFY_TIMEOUT_MS: status === undefined ? '50' : '5000',
      CERTIFICATES_NOTIFY_ATTEMPTS_MAX: '3',
    })
    const certificate = await world.addCertificate()
    await world.patch(certificate, { active: false, notify: true })
    const [logged] = await eventually(
      async () => {
        world.clock.advance(1_000)
        return log(world, certificate)
      },
      ([first]) => first?.status === 'failed',
    )
    assert.equal(logged?.status, 'failed')
    assert.equal(logged.attempts.length, 3)
    for (const attempt of logged.attempts) {
      assert.equal(attempt.status, status)
      if (reason) assert.match(String(attempt.error), reason)
    }
    world.clock.advance(7_200_000)
    await pause(200)
    assert.equal(received.length, 3)
    assert.ok(received.every(({ headers }) => headers['x-delivery-id'] === logged.id))
  })

for (const [what, port, reason] of [
  ['refuses connections', '2', 'no response (ECONNREFUSED)'],
  ['fetch does not support', '1', 'no response (bad port)'],
] as const)
  test(`The log has the error of a receiver that ${what}, without its URL`, async (t) => {
    const world = await createWorld(t, {
      CERTIFICATES_NOTIFY_URL: `http://127.0.0.1:${port}/hook?token=hidden`,
      CERTIFICATES_NOTIFY_SECRET: secret,
    })
    const certificate = await world.addCertificate()
    await world.patch(certificate, { active: false, notify: true })
    const [logged] = await eventually(
      () => log(world, certificate),
      ([first]) => first?.attempts[0] !== undefined,
    )
    assert.equal(logged?.status, 'pending')
    assert.equal(logged.attempts[0]?.error, reason)
  })

test('A receiver that fails has one line in the log with what to do, without the secrets of its URL, and one when it is back', async (t) => {
  let down = true
  const { settings } = await startReceiver(t, () => (down ? 503 : 204))
  const { origin } = new URL(settings.CERTIFICATES_NOTIFY_URL)
  const world = await createWorld(t, {
    ...settings,
    CERTIFICATES_NOTIFY_URL: `${origin}/hook/hidden?token=hidden`,
  })
  const certificate = await world.addCertificate()
  for (const active of [false, true, false])
    assert.equal((await world.patch(certificate, { active, notify: true })).statusCode, 202)
  const all = async () => {
    world.clock.advance(5_000)
    return log(world, certificate)
  }
  await eventually(all, (logged) => (logged[0]?.attempts.length ?? 0) >= 3)
  const linesWith = (text: string) =>
    world
      .logged()
      .split('\n')
      .filter((line) => line.includes(text))
  const failures = linesWith('messages fail and are retried')
  assert.equal(failures.length, 1)
  assert.ok(
    failures[0]?.includes(
      `The receiver of CERTIFICATES_NOTIFY_URL, ${origin}, responded with status 503: check `,
    ),
  )
  down = false
  await eventually(all, (logged) => logged.every(({ status }) => status === 'delivered'))
  assert.equal(linesWith('messages are handled again').length, 1)
  assert.equal(linesWith('hidden').length, 0)
})

test('A notification is delivered although its certificate was deleted meanwhile', async (t) => {
  let down = true
  const { received, settings } = await startReceiver(t, () => (down ? 500 : 204))
  const world = await createWorld(t, settings)
  const certificate = await world.addCertificate()
  await world.patch(certificate, { active: false, notify: true })
  await eventually(
    () => received.length,
    (count) => count > 0,
  )
  assert.equal((await world.delete('/users/1')).statusCode, 204)
  down = false
  await eventually(
    () => {
      // The pause before the next attempt may begin after the response to the deletion.
      world.clock.advance(1_000)
      return received.length
    },
    (count) => count > 1,
  )
  assert.equal(received[1]?.body, '{"id":1,"active":false}')
})

test('The pauses between attempts grow from a second to an hour', () => {
  assert.deepEqual(
    [1, 2, 5, 12, 13, 500].map((attempt) => notificationBackoffMs(attempt, 1)),
    [1_000, 2_000, 16_000, 2_048_000, 3_600_000, 3_600_000],
  )
  assert.equal(notificationBackoffMs(1, 0), 800)
})

test('The log has pages, and notifications are removed from it 30 days after their last attempt', async (t) => {
  const world = await createWorld(t)
  const certificate = await world.addCertificate()
  for (const active of [false, true, false]) await world.patch(certificate, { active, notify: true })
  const first = await world.get(`${certificate}/notifications?limit=2`)
  assert.equal(first.json().length, 2)
  const next = /^<(.+)>; rel="next"$/.exec(String(first.headers.link))?.[1]
  assert.equal((await world.get(String(next))).json().length, 1)
  world.clock.advance(30 * dayMs)
  assert.deepEqual(
    await eventually(
      () => log(world, certificate),
      ({ length }) => length === 0,
    ),
    [],
  )
})

test('An active certificate is reported once each when a third, a tenth, a thirtieth and nothing of its lifetime remains', async (t) => {
  const { received, settings } = await startReceiver(t)
  // A notification is delivered at least once, so that a delivery may come again.
  const reported = () => new Set(received.map(({ headers }) => headers['x-delivery-id'])).size
  const world = await createWorld(t, settings)
  const x509 = makeCertificate({ notBefore: startMs, notAfter: startMs + 90 * dayMs })
  const private_key = x509.privateKey.export({ format: 'der', type: 'pkcs8' }).toString('base64')
  const user = await world.addUser()
  const body = x509.pem
  const certificate = await world.addCertificate({ private_key, active: true, body }, user)
  const retired = await world.addCertificate({ private_key, active: false, body }, user)
  world.clock.advance(60 * dayMs - 1)
  await pause(1_200)
  assert.equal(reported(), 0)
  for (const [i, days] of [60, 81, 87, 90, 120].entries()) {
    world.clock.set(startMs + days * dayMs)
    const wanted = Math.min(4, i + 1)
    await eventually(reported, (count) => count >= wanted)
    assert.equal(reported(), wanted)
    await untilAcknowledged(world)
  }
  await pause(1_200)
  assert.equal(reported(), 4)
  for (const { headers, body } of received) {
    assert.equal(headers['x-event'], 'certificate.expiring')
    assert.deepEqual(JSON.parse(body), {
      id: 1,
      active: true,
      not_after: new Date(startMs + 90 * dayMs).toISOString(),
    })
  }
  assert.deepEqual(await log(world, retired), [])
  assert.ok((await log(world, certificate)).every(({ event }) => event === 'certificate.expiring'))
})

test('A receiver without a secret is an invalid setting', () => {
  assert.throws(
    () => configOf({ CERTIFICATES_NOTIFY_URL: 'http://127.0.0.1:1' }),
    /^ConfigError: CERTIFICATES_NOTIFY_SECRET must be set/,
  )
  assert.throws(
    () => configOf({ CERTIFICATES_NOTIFY_URL: 'http://user:pass@host/' }),
    /CERTIFICATES_NOTIFY_URL must be/,
  )
})
