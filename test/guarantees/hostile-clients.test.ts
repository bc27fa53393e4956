import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { tlsFiles } from '@quintet/chassis/testing/tls'
import { dataFolder, run } from '../system/processes.ts'
import { attacks, fill, measure, memoryOf } from './attacks.ts'
import { http2Attacks } from './http2-attacks.ts'
import type { Attack } from './keep-open.ts'

const growthMaxBytes = 400 * 1_048_576

test('During each attack honest clients of all services are answered, none with 5xx, and the memory of the process is bounded', (t) =>
  attackWithEach(t, attacks))

test('So it is during each attack by means of TLS and HTTP/2', (t) => {
  const { certificate, key, ca } = tlsFiles(t)
  setDefaultCACertificates([...getCACertificates(), ca])
  return attackWithEach(t, http2Attacks, { GATEWAY_TLS_CERT_FILE: certificate, GATEWAY_TLS_KEY_FILE: key })
})

async function attackWithEach(t: TestContext, attacks: readonly Attack[], settings = {}): Promise<void> {
  // As npm start does; V8's own size of the young generation lets garbage fill more memory.
  const words = ['--max-semi-space-size=8', 'quintet.ts', 'start']
  const system = run(t, words, { DATA_DIR: dataFolder(t), LOG_LEVEL: 'error', ...settings })
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
}
