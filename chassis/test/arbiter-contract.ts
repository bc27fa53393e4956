import { test } from 'node:test'
import type { TestContext } from 'node:test'
import type { Arbiter, ControlRow } from '@quintet/chassis/cache'

/** What every database in which the control row is guarantees. `open` returns two arbiters over one new database. */
export function testArbiter(name: string, open: (t: TestContext) => Promise<[Arbiter, Arbiter]>): void {
  test(`${name}: the control row names no server at first, and what replaces it is read by all processes`, async (t: TestContext) => {
    const [one, other] = await open(t)
    t.assert.deepEqual(columnsOf(await one.read()), first)
    await one.replace(first, next)
    t.assert.deepEqual(columnsOf(await other.read()), next)
    await other.settle()
  })

  test(`${name}: the control row is replaced only if neither its epoch nor its challenge has changed`, async (t: TestContext) => {
    const [one, other] = await open(t)
    const challenged = { ...first, challenge: 'a' }
    await one.replace(await one.read(), challenged)
    await other.replace(first, next)
    t.assert.deepEqual(columnsOf(await other.read()), challenged)
    await other.replace(challenged, next)
    await one.replace(challenged, { ...next, epoch: 2 })
    t.assert.deepEqual(columnsOf(await one.read()), next)
  })

  test(`${name}: of concurrent replacements of the control row one is made`, async (t: TestContext) => {
    const arbiters = await open(t)
    const row = await arbiters[0].read()
    const changes = ['a', 'b', 'c', 'd', 'e', 'f'].map((generation) => ({ ...next, generation }))
    await Promise.all(changes.map((change, i) => arbiters[i % 2 === 0 ? 0 : 1].replace(row, change)))
    const [seen, alsoSeen] = [await arbiters[0].read(), await arbiters[1].read()]
    t.assert.deepEqual(columnsOf(seen), columnsOf(alsoSeen))
    t.assert.ok(changes.some(({ generation }) => generation === seen.generation))
    t.assert.equal(seen.epoch, 1)
  })
}

const first: ControlRow = { epoch: 0, mode: 'none', generation: '', instance: '', challenge: '' }
const next: ControlRow = { epoch: 1, mode: 'warming', generation: 'g', instance: 'i', challenge: '' }

function columnsOf({ epoch, mode, generation, instance, challenge }: ControlRow): ControlRow {
  return { epoch, mode, generation, instance, challenge }
}
