import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createApiKey } from '@quintet/chassis/guard/api-key-file'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { call, dataFolder, run } from './processes.ts'

test('OPERATIONS_PORT is one more address of a process, for what operators see of all its services', async (t) => {
  const system = run(t, ['quintet.ts', 'start', 'inventory', 'gateway'], {
    DATA_DIR: dataFolder(t),
    LOG_LEVEL: 'warn',
    OPERATIONS_PORT: '0',
  })
  const operations = await system.address('operations')
  const gateway = await system.address('gateway')
  const metrics = await (await fetch(`${operations}/metrics`)).text()
  assert.match(metrics, /service="inventory"/)
  assert.match(metrics, /service="gateway"/)
  const health = await call('GET', `${operations}/health/gateway`)
  assert.deepEqual(Object.keys(Object(health?.body)), ['status', 'queue', 'services'])
  for (const path of ['/metrics', '/health'])
    assert.equal((await call('GET', `${gateway}${path}`))?.status, 404, path)
  assert.deepEqual((await call('GET', `${gateway}/health/ready`))?.body, { status: 'ready' })
  assert.equal(await system.kill('SIGTERM'), 0)
})

test('It needs no token, since who reaches it is chosen by its address', async (t) => {
  const DATA_DIR = dataFolder(t)
  const API_KEYS_FILE = join(DATA_DIR, 'keys')
  writeFileSync(
    API_KEYS_FILE,
    `${JSON.stringify(createApiKey({ id: 'ci', scopes: ['movies:read'] }).entry)}\n`,
  )
  const system = run(t, ['services/inventory/src/main.ts'], {
    DATA_DIR,
    OPERATIONS_PORT: '0',
    AUTH: 'required',
    API_KEYS_FILE,
    LOG_LEVEL: 'warn',
  })
  const operations = await system.address('operations')
  for (const path of ['/metrics/inventory', '/health/inventory']) {
    const response = await fetch(operations + path, { headers: { 'x-forwarded-for': '192.0.2.7' } })
    assert.equal(response.status, 200, path)
  }
})

for (const words of [['quintet.ts', 'start', 'inventory'], ['services/inventory/src/main.ts']])
  test(`A port for operations that is another one, or in use, ends ${words.join(' ')} with a sentence`, async (t) => {
    const equal = run(t, words, {
      DATA_DIR: dataFolder(t),
      INVENTORY_PORT: '8181',
      OPERATIONS_PORT: '8181',
    })
    await assert.rejects(equal.address('inventory'))
    assert.match(
      equal.output(),
      /^INVENTORY_PORT and OPERATIONS_PORT are both 8181: set a port for each that no other has\.$/m,
    )
    assert.equal(equal.child.exitCode, 1)

    const first = run(t, ['services/guid/src/main.ts'], { DATA_DIR: dataFolder(t) })
    const OPERATIONS_PORT = new URL(await first.address('guid')).port
    const second = run(t, words, { DATA_DIR: dataFolder(t), OPERATIONS_PORT })
    await assert.rejects(second.address('inventory'))
    assert.equal(
      second.output(),
      `operations cannot listen on 127.0.0.1, port ${OPERATIONS_PORT}: another program does. Stop that program, or set OPERATIONS_PORT to another port.\n`,
    )
  })
