import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createQuintetClient, dataOf } from '@quintet/clients/typescript'
import { serviceNames } from '@quintet/contracts/topology'
import { dataFolder, run } from './system/processes.ts'
import { register } from './system/register.ts'

test('quintet start brings up all services, one line each, and they work together through the gateway', async (t) => {
  const quintet = run(t, ['quintet.ts', 'start'], { DATA_DIR: dataFolder(t), LOG_LEVEL: 'warn' })
  const gateway = createQuintetClient(await quintet.address('gateway'))
  const guid = createQuintetClient(await quintet.address('guid'))
  await quintet.address('console')
  assert.deepEqual(
    quintet
      .output()
      .trim()
      .split('\n')
      .map((line) => line.split(' ', 1)[0]),
    [...serviceNames, 'console'],
  )
  assert.deepEqual(dataOf(await gateway.GET('/api/movies')), [])
  assert.deepEqual(dataOf(await gateway.GET('/certificates')), [])
  const created = await register(gateway)
  const params = { path: { guid: created.guid } }
  assert.deepEqual(dataOf(await guid.GET('/guid/{guid}', { params })), created)
  assert.deepEqual(dataOf(await gateway.GET('/guid/{guid}', { params })), created)
  dataOf(await gateway.PATCH('/guid/{guid}', { params, body: { user: 'eve' } }))
  assert.equal(dataOf(await gateway.GET('/guid/{guid}', { params })).user, 'eve')
  assert.equal((await gateway.DELETE('/guid/{guid}', { params })).response.status, 204)
  assert.equal((await gateway.GET('/guid/{guid}', { params })).response.status, 404)
  assert.equal(await quintet.kill('SIGTERM'), 0)
})

test('Data is there after a restart', async (t) => {
  const DATA_DIR = dataFolder(t)
  const first = run(t, ['quintet.ts', 'start', 'guid'], { DATA_DIR })
  const created = await register(createQuintetClient(await first.address('guid')))
  await first.kill('SIGTERM')
  const second = await run(t, ['quintet.ts', 'start', 'guid'], { DATA_DIR }).address('guid')
  const params = { path: { guid: created.guid } }
  assert.deepEqual(dataOf(await createQuintetClient(second).GET('/guid/{guid}', { params })), created)
})

for (const words of [['quintet.ts', 'start'], ['services/guid/src/main.ts']])
  test(`Invalid settings end ${words.join(' ')} at once with a message for each`, async (t) => {
    const quintet = run(t, words, { DATA_DIR: dataFolder(t), GUID_PORT: 'abc', LOG_LEVEL: 'loud' })
    await assert.rejects(quintet.address('guid'))
    assert.equal(quintet.child.exitCode, 1)
    assert.match(
      quintet.output(),
      /^GUID_PORT must be an integer from 0 to 65535, but is "abc" \(from the environment\)\.$/m,
    )
    assert.match(quintet.output(), /^LOG_LEVEL must be /m)
    assert.doesNotMatch(quintet.output(), /at .*\.ts:\d+/)
  })
