import assert from 'node:assert/strict'
import { once } from 'node:events'
import { spawn } from 'node:child_process'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { serviceNames } from '@quintet/contracts/topology'
import { dataFolder, run } from '../system/processes.ts'

const root = new URL('../..', import.meta.url).pathname

/** Starts the whole system on free ports, and returns the options with its addresses for newman. */
async function startSystem(t: TestContext, environment: Record<string, string> = {}): Promise<string[]> {
  const quintet = run(t, ['quintet.ts', 'start'], {
    DATA_DIR: dataFolder(t),
    LOG_LEVEL: 'warn',
    ...environment,
  })
  const addresses = serviceNames.map(async (name) => ['--env-var', `${name}=${await quintet.address(name)}`])
  return [...(await Promise.all(addresses)).flat(), '--env-var', 'allow_delete_all=yes']
}

/** Runs the collection by `npm run postman`, and returns its output; fails with the output. */
async function runCollection(t: TestContext, words: readonly string[]): Promise<string> {
  const child = spawn('npm', ['run', '--silent', 'postman', '--', '--color', 'off', ...words], { cwd: root })
  t.after(() => child.kill('SIGKILL'))
  let printed = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (printed += chunk))
  const [exitCode] = await once(child, 'close')
  assert.equal(exitCode, 0, printed)
  return printed
}

test('The Postman collection passes on a new system, and again on the same', async (t) => {
  const words = await startSystem(t)
  for (let i = 0; i < 2; i++)
    assert.match(await runCollection(t, words), /DELETE http:\S+\/api\/movies \[200 OK/)
})

test('While the market is open a form order is executed, and its duplicate gets 425', async (t) => {
  const words = await startSystem(t, { MARKET_OPEN: '00:00', MARKET_CLOSE: '00:00' })
  const printed = await runCollection(t, [...words, '--folder', 'brokerage by forms'])
  assert.match(printed, /orders \[200 OK[\s\S]*orders \[425 /)
})
