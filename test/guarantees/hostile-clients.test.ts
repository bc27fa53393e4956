import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dataFolder, run } from '../system/processes.ts'
import { attacks, fill, measure, memoryOf } from './attacks.ts'

const growthMaxBytes = 400 * 1_048_576

test('During each attack honest clients of all services are answered, none with 5xx, and the memory of the process is bounded', async (t) => {
  // As npm start does; V8's own size of the young generation lets garbage fill more memory.
  const words = ['--max-semi-space-size=8', 'quintet.ts', 'start']
  const system = run(t, words, { DATA_DIR: dataFolder(t), LOG_LEVEL: 'error' })
  const url = await system.address('gateway')
  await fill(url)
  const before = await memoryOf(url)
  for (const attack of attacks)
    await t.test(`Honest clients are served during: ${attack.name}`, async (each) => {
      const { statuses, p99Ms } = await measure(url, attack, 3_000)
      each.diagnostic(`p99 ${p99Ms.toFixed(0)} ms`)
      const faults = [...statuses.keys()].filter((status) => status < 200 || status >= 300)
      assert.deepEqual(faults, [], `statuses ${JSON.stringify([...statuses])}`)
      assert.ok(p99Ms < 3_000, `p99 ${p99Ms} ms`)
      const memory = await memoryOf(url)
      assert.ok(memory - before < growthMaxBytes, `${before} bytes before, ${memory} after`)
    })
  assert.doesNotMatch(system.output(), /"level":"(?:error|fatal)"/)
})
