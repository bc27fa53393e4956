import assert from 'node:assert/strict'
import { test } from 'node:test'
import { run } from './processes.ts'

for (const [setting, value] of [
  ['BROKERAGE_PORT', '9100'],
  ['BILLING_URL', 'http://127.0.0.1:9100'],
  ['CACHE_URL', 'redis://ada:secret@localhost:9100'],
] as const)
  test(`quintet make service refuses the port of ${setting} where that is set, and changes nothing`, async (t) => {
    const words = ['quintet.ts', 'make', 'service', 'parcels', '--port', '9100']
    const quintet = run(t, words, { [setting]: value })
    await assert.rejects(quintet.address('never'))
    assert.equal(quintet.child.exitCode, 1)
    assert.equal(quintet.output(), `Port 9100 is that of ${setting}.\n`)
  })

for (const words of [
  ['service'],
  ['service', 'guid'],
  ['service', 'a', 'b'],
  ['service', 'b2', '--prot', '1'],
  ['service', 'b2', '--port', '0x2000'],
  ['service', 'b2', '--port', ''],
  [],
])
  test(`quintet make ${words.join(' ')} is refused without a stack trace, and changes nothing`, async (t) => {
    const quintet = run(t, ['quintet.ts', 'make', ...words], {})
    await assert.rejects(quintet.address('never'))
    assert.equal(quintet.child.exitCode, 1)
    assert.doesNotMatch(quintet.output(), /at .*\.ts:\d+/)
  })
