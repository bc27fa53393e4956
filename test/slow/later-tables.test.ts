import assert from 'node:assert/strict'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { dataFolder, run } from '../system/processes.ts'

/** A folder whose databases of these names have been used by this version, and then by a later one. */
async function usedByLaterVersion(t: TestContext, names: readonly string[]): Promise<string> {
  const DATA_DIR = dataFolder(t)
  const earlier = run(t, ['quintet.ts', 'start'], { DATA_DIR })
  await earlier.address('gateway')
  await earlier.kill('SIGTERM')
  for (const name of names) {
    const database = new DatabaseSync(join(DATA_DIR, `${name}.db`))
    database.exec(`insert into kysely_migration values('0099-later-${name}', '2030-01-01T00:00:00.000Z')`)
    database.close()
  }
  return DATA_DIR
}

async function outputOf(t: TestContext, words: readonly string[], DATA_DIR: string) {
  const quintet = run(t, words, { DATA_DIR, LOG_LEVEL: 'warn' })
  await assert.rejects(quintet.address('never'))
  return { exitCode: quintet.child.exitCode, output: quintet.output() }
}

test('Where files have tables of a later version, starts, doctor and migrate status name each of them and its migrations', async (t) => {
  const names = ['guid', 'inventory', 'queue']
  const DATA_DIR = await usedByLaterVersion(t, names)
  const refusal = (name: string) =>
    new RegExp(`The database file \\S+/${name}\\.db has tables .* does not have 0099-later-${name}\\.`)

  const whole = await outputOf(t, ['quintet.ts', 'start'], DATA_DIR)
  assert.equal(whole.exitCode, 1)
  for (const name of names) assert.match(whole.output, refusal(name))
  assert.equal(whole.output.trim().split('\n').length, names.length)

  const withSettings = run(t, ['quintet.ts', 'start'], {
    DATA_DIR,
    LOG_LEVEL: 'loud',
    GUID_DATABASE_URL: 'no',
  })
  await assert.rejects(withSettings.address('never'))
  const faults = withSettings.output().trim().split('\n')
  assert.deepEqual(
    [/^LOG_LEVEL must be /, /^GUID_DATABASE_URL must be /, refusal('inventory'), refusal('queue')].map(
      (expected) => faults.filter((fault) => expected.test(fault)).length,
    ),
    [1, 1, 1, 1],
  )
  assert.equal(faults.length, 4)

  for (const words of [
    ['quintet.ts', 'start', 'gateway'],
    ['services/gateway/src/main.ts'],
    ['services/billing/src/main.ts'],
  ]) {
    const one = await outputOf(t, words, DATA_DIR)
    assert.equal(one.exitCode, 1, one.output)
    assert.match(one.output, refusal('queue'))
  }

  const doctor = await outputOf(t, ['quintet.ts', 'doctor'], DATA_DIR)
  assert.equal(doctor.exitCode, 1)
  for (const name of names) assert.match(doctor.output, new RegExp(`BROKEN {2}${refusal(name).source}`))

  const { output } = await outputOf(t, ['quintet.ts', 'migrate', 'status'], DATA_DIR)
  assert.match(output, /^guid: .* applied, 0099-later-guid unknown to this version$/m)
  assert.match(output, /^inventory: .* applied, 0099-later-inventory unknown to this version$/m)
  assert.match(output, /^queue \(.*QUEUE_URL.*\): .* applied, 0099-later-queue unknown to this version$/m)
})
