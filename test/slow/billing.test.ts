import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { arrived, billingMain, order, startGateway } from '../system/billing-world.ts'
import { call, dataFolder, run } from '../system/processes.ts'

test('quintet start gateway, and later quintet start billing in another process, work together', async (t) => {
  const DATA_DIR = dataFolder(t)
  const BILLING_PORT = await freePort(t, DATA_DIR)
  const environment = { DATA_DIR, BILLING_PORT, LOG_LEVEL: 'silent' }
  const gateway = await run(t, ['quintet.ts', 'start', 'gateway'], environment).address('gateway')
  assert.equal((await call('POST', `${gateway}/api/billing`, order))?.status, 200)
  assert.equal((await call('GET', `${gateway}/api/orders`))?.status, 502)
  await run(t, ['quintet.ts', 'start', 'billing'], environment).address('billing')
  await arrived(`${gateway}/api`, 1)
  assert.equal((await call('POST', `${gateway}/api/billing`, { ...order, user_id: '4' }))?.status, 200)
  await arrived(`${gateway}/api`, 2)
  const ofUser = await call('GET', `${gateway}/api/orders?user_id=4`)
  assert.deepEqual(ofUser?.body, [{ id: 2, ...order, user_id: '4' }])
})

/** A free port, for a process whose address another process needs before it starts. */
async function freePort(t: TestContext, DATA_DIR: string): Promise<string> {
  const billing = run(t, billingMain, { DATA_DIR, LOG_LEVEL: 'silent' })
  const { port } = new URL(await billing.address('billing'))
  await billing.kill('SIGTERM')
  return port
}

test('quintet queue lists, replays and drops messages, while services run and while they do not', async (t) => {
  const { environment, post } = await startGateway(t)
  const queue = async (...words: string[]) => {
    const command = run(t, ['quintet.ts', 'queue', ...words], environment)
    await assert.rejects(command.address('never'))
    return { code: command.child.exitCode, output: command.output() }
  }
  const id = await post(7)
  assert.match((await queue('list')).output, /^billing_queue +1 +\d+ s$/m)
  assert.match((await queue('show', 'billing_queue')).output, new RegExp(`${id}[^]*"total_amount":"7"`))
  assert.deepEqual(await queue('drop', 'billing_queue', String(id)), {
    code: 0,
    output: '1 message removed from billing_queue.\n',
  })
  await post(8)
  await arrived(await run(t, billingMain, environment).address('billing'), 1)
  assert.match((await queue('list')).output, /^billing_queue +0 +-$/m)
  assert.deepEqual(await queue('replay', 'billing_queue.dead', 'all'), {
    code: 0,
    output: '0 messages moved back to billing_queue.\n',
  })
  for (const words of [
    ['show', 'nothing'],
    ['drop', 'billing_queue', 'x'],
    ['replay', 'billing_queue', 'all'],
    [],
  ]) {
    const { code, output } = await queue(...words)
    assert.equal(code, 1)
    assert.doesNotMatch(output, /at .*\.ts:\d+/)
  }
})
