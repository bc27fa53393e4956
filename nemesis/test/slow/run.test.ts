import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { listenOn } from '@quintet/chassis/testing/sockets'
import { fault } from '../../faults/fault.ts'
import { createGuidLoad } from '../../load/guid-load.ts'
import { createRandom } from '../../run/random.ts'
import { countViolations, reportOf } from '../../run/report.ts'
import { drawRun } from '../../run/run-picture.ts'
import { runScenario } from '../../run/run-scenario.ts'
import type { Scenario } from '../../scenarios/scenario.ts'
import { createGuidServer } from './guid-server.ts'
import type { Break } from './guid-server.ts'

test('A run on a system that keeps its promises, and is away for a while, finds no violation', async (t) => {
  const { run, count } = await runOn(t, 'never')
  assert.equal(count, 0, reportOf(run))
  assert.ok(run.samples.length > 500)
  assert.ok(run.faults.length > 0)
  assert.match(reportOf(run), /^server: away +\d/m)
  assert.match(drawRun(run, '7'), /seed 7: [\d,]+ operations, no violation<[\s\S]*server: away/)
})

for (const [broken, message] of [
  ['answers changes before they take effect', /no order of these operations explains their responses/],
  ['gives versions by milliseconds', /version \d+ (stood for|came after)/],
] as const)
  test(`A run on a system that ${broken} finds it, and draws it`, async (t) => {
    const { run, count } = await runOn(t, broken)
    assert.ok(count > 0)
    assert.match(reportOf(run), message)
    const [history] = run.histories
    assert.ok(existsSync(`${history?.file}.1.svg`))
  })

for (const [broken, message] of [
  ['fails at each deletion', /^DELETE http:\/\/\S+ {2}got 500/],
  ['answers creations with 200', /^POST http:\/\/\S+ \{"user":\S+ got 200/],
] as const)
  test(`A system that ${broken} breaks a promise by that response alone`, async (t) => {
    const { run } = await runOn(t, broken)
    assert.match(run.violations[0]?.message ?? '', message)
  })

test('Where each request must have an outcome, a system that is away for a while breaks the promise', async (t) => {
  const { run } = await runOn(t, 'never', true)
  assert.match(run.violations[0]?.message ?? '', / got (not sent|no response)$/)
})

async function runOn(t: TestContext, broken: Break, isAvailable = false) {
  const folder = mkdtempSync(join(tmpdir(), 'quintet-nemesis-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const server = createGuidServer(broken)
  const port = await listenOn(t, server)
  const url = `http://127.0.0.1:${port}`
  const away = fault(
    'server: away',
    () => {
      server.close()
      server.closeIdleConnections()
    },
    () => new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve)),
  )
  const scenario: Scenario = {
    name: 'in-memory',
    summary: '',
    engines: [],
    isAvailable,
    start: async () => ({
      targets: [[away]],
      loads: { guid: createGuidLoad },
      addresses: [{ name: 'server', url }],
      processes: [],
      close: async () => {},
    }),
  }
  const run = await runScenario(scenario, {
    forMs: broken === 'never' ? 5_000 : 1_000,
    random: createRandom('7'),
    folder,
  })
  return { run, count: countViolations(run) }
}
