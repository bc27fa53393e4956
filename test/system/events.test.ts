import assert from 'node:assert/strict'
import { test } from 'node:test'
import { until } from '@quintet/chassis/testing'
import { call, dataFolder, run } from './processes.ts'

test('The changes of GUIDs come through the gateway as they happen, and quintet events prints them', async (t) => {
  const DATA_DIR = dataFolder(t)
  // Shorter than the stream is silent in between.
  const settings = { DATA_DIR, LOG_LEVEL: 'silent', GATEWAY_TIMEOUT_MS: '500' }
  const quintet = run(t, ['quintet.ts', 'start', 'guid', 'gateway'], settings)
  const gateway = await quintet.address('gateway')
  const ending = new AbortController()
  t.after(() => ending.abort())
  const response = await fetch(`${gateway}/guid-events`, {
    headers: { accept: 'text/event-stream' },
    signal: ending.signal,
  })
  let text = ''
  void (async () => {
    const decoder = new TextDecoder()
    for await (const chunk of response.body ?? []) text += decoder.decode(chunk, { stream: true })
  })().catch(() => {})
  const users = () => Array.from(text.matchAll(/^data: (.*)$/gm), ([, data = '']) => JSON.parse(data).user)
  await call('POST', `${gateway}/guid`, { user: 'ada' })
  await until(() => users().length === 1)
  const silentSince = performance.now()
  await until(() => performance.now() - silentSince > 1_000)
  await call('POST', `${gateway}/guid`, { user: 'eve' })
  await until(() => users().length === 2)
  assert.deepEqual(users(), ['ada', 'eve'])

  const follower = run(t, ['quintet.ts', 'events', '--after', '1'], settings)
  await until(() => follower.output().endsWith('\n'))
  await call('POST', `${gateway}/guid`, { user: 'kim' })
  await until(() => follower.output().trim().split('\n').length === 2)
  const printed = follower.output().trim().split('\n')
  assert.deepEqual(
    printed.map((line) => JSON.parse(line).user),
    ['eve', 'kim'],
  )
  const page = await call('GET', `${gateway}/guid-events?after=1`)
  assert.deepEqual(
    printed.map((line) => JSON.parse(line)),
    page?.body,
  )
  assert.equal(await follower.kill('SIGTERM'), 0)
  assert.equal(await quintet.kill('SIGTERM'), 0)
  const rest = run(t, ['quintet.ts', 'events', '--no-follow', '--after', '2'], settings)
  await until(() => rest.output().includes('"kim"'))
  await until(() => rest.output().trim().split('\n').length === 1)
})
