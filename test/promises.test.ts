import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { createLogger } from '@quintet/chassis/telemetry'
import { checked } from '@quintet/chassis/testing/by-hand'
import { until } from '@quintet/chassis/testing'
import { settingsOf } from '@quintet/chassis/testing/settings'
import { serviceNames } from '@quintet/contracts/topology'
import { promises } from '../nemesis/promises.ts'
import { services } from '../topology.ts'
import { createOrderWorld } from './order-world.ts'
import { dataFolder } from './system/processes.ts'

const logger = createLogger({ service: 'test', level: 'silent' })

test('Each promise that is checked on the running system is one of the guarantees, can be proved by its command, and is in their table', async (t) => {
  const page = readFileSync(new URL('../docs/guarantees.md', import.meta.url), 'utf8')
  const rows = page.matchAll(/^\| (\w+) \| `([\w-]+)` \| \[[^\]]+\]\(#([\w-]+)\) \|/gm)
  const documented = Array.from(rows, ([, service, id, guarantee]) => `${service} ${id} ${guarantee}`)
  const settings = { DATA_DIR: dataFolder(t), CERTIFICATES_KEY: '0'.repeat(64) }
  const checks = []
  for (const name of serviceNames) {
    const app = await services[name].createApp(settingsOf(settings), { logger })
    t.after(() => app.close())
    for (const { id, service, guarantee, command } of app.observed.promises.states()) {
      const anchor = guarantee.replace('docs/guarantees.md#', '')
      assert.equal(command, `npm run prove -- ${anchor}`)
      assert.ok(Object.hasOwn(promises, anchor), anchor)
      checks.push(`${service} ${id} ${anchor}`)
    }
  }
  assert.deepEqual(documented.sort(), checks.sort())
})

test('A posted order that is lost in billing is found at the gateway', async (t) => {
  const { gateway, post, isDone, lose } = await createOrderWorld(t)
  const [first, second] = [await post(), await post()]
  await until(async () => (await isDone(first)) && (await isDone(second)))
  lose(first)
  assert.deepEqual(await checked({ app: gateway }, 'posted-orders'), {
    verdict: 'broken',
    found: `posted order ${first}: it is neither stored nor waits, and is no dead letter, unless an operator has dropped it.`,
    sample: 2,
  })
})
