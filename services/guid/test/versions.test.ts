import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { until } from '@quintet/chassis/testing'
import { hold } from '@quintet/chassis/testing/held-rows'
import { createSharedDatabase, createWorld, startMs, startSeconds } from './world.ts'
import type { World } from './world.ts'

const canonical = '5E95AAD3B0D94B0F8C3D8A8F7E1C2B3A'
const path = `/guid/${canonical}`
const hourMs = 3_600_000

type Response = { statusCode: number; headers: Record<string, unknown> }

/** Processes over one database whose clocks stand at these times. */
async function createProcesses(t: TestContext, ...timesMs: readonly number[]): Promise<World[]> {
  const GUID_DATABASE_URL = await createSharedDatabase(t)
  const worlds: World[] = []
  for (const timeMs of timesMs) {
    const world = await createWorld(t, { GUID_DATABASE_URL, CACHE_URL: 'none:' })
    world.clock.set(timeMs)
    worlds.push(world)
  }
  return worlds
}

function versionOf({ statusCode, headers }: Response): number {
  assert.ok(statusCode === 200 || statusCode === 201, String(statusCode))
  return Number(String(headers.etag).slice(1, -1))
}

function assertRising(versions: readonly number[]): void {
  for (const [i, version] of versions.entries())
    assert.ok(i === 0 || version > (versions[i - 1] ?? 0), versions.join(' '))
}

test('Versions of a GUID rise over change, deletion and registration by processes with the same, a late and an early clock', async (t) => {
  const processes = await createProcesses(t, startMs, startMs, startMs - hourMs, startMs + hourMs)
  const versions: number[] = []
  for (let round = 0; round < 12; round++) {
    const of = (step: number) => processes[(round * 5 + step * 3) % processes.length] ?? assert.fail()
    const expire = startSeconds + 10 * 3_600
    versions.push(versionOf(await of(0).post(path, { user: 'ada', expire })))
    if (round % 2 === 0) versions.push(versionOf(await of(1).patch(path, { user: 'eve' })))
    if (round % 3 === 0) versions.push(versionOf(await of(2).patch(path, { user: 'bob' })))
    assert.equal((await of(3).delete(path)).statusCode, 204)
  }
  assertRising(versions)
})

test('The ETag of a deleted GUID matches nothing of a later one that a process with another clock registers', async (t) => {
  const [early, late] = await createProcesses(t, startMs + hourMs, startMs)
  assert.ok(early !== undefined && late !== undefined)
  const expire = startSeconds + 10 * 3_600
  const first = (await early.post(path, { user: 'ada', expire })).headers.etag
  const changed = (await early.patch(path, { user: 'eve' })).headers.etag
  await early.delete(path)
  // The late process would reach the deleted versions one by one.
  for (let i = 0; i < 5; i++) {
    const again = await late.post(path, { user: `user-${i}`, expire })
    for (const etag of [first, changed]) {
      assert.notEqual(again.headers.etag, etag)
      assert.equal((await late.get(path, { 'if-none-match': etag })).statusCode, 200)
      assert.equal((await late.patch(path, { user: 'lost' }, { 'if-match': etag })).statusCode, 412)
    }
    await late.delete(path)
  }
})

test('Versions of a GUID rise over its expiry, swept or not, also by a process whose clock is late', async (t) => {
  const [sweeping, late] = await createProcesses(t, startMs + hourMs, startMs)
  assert.ok(sweeping !== undefined && late !== undefined)
  const versions: number[] = []
  for (let round = 0; round < 3; round++) {
    const expire = Math.ceil(sweeping.clock.now() / 1_000) + 60
    versions.push(versionOf(await sweeping.post(path, { user: 'ada', expire })))
    versions.push(versionOf(await sweeping.patch(path, { user: 'eve' })))
    sweeping.clock.advance(120_000)
    // The sweeper may be faster than the next registration, or not.
    if (round > 0) await until(async () => (await late.get('/guids')).json().length === 0)
    versions.push(versionOf(await sweeping.post(path, { user: 'bob' })))
    await sweeping.delete(path)
    versions.push(versionOf(await late.post(path, { user: 'ida' })))
    await late.delete(path)
  }
  assertRising(versions)
})

test('A registration that is repeated with its Idempotency-Key has the ETag that it got', async (t) => {
  const [early, late] = await createProcesses(t, startMs + hourMs, startMs)
  assert.ok(early !== undefined && late !== undefined)
  await early.post(path, { user: 'ada' })
  await early.delete(path)
  const headers = { 'idempotency-key': 'k' }
  const created = await late.post(path, { user: 'eve' }, headers)
  assert.equal(created.statusCode, 201)
  const replayed = await early.post(path, { user: 'eve' }, headers)
  assert.equal(replayed.headers['idempotency-replayed'], 'true')
  assert.equal(replayed.headers.etag, created.headers.etag)
  assert.equal((await early.get(path)).headers.etag, created.headers.etag)
  assert.equal(
    (await late.patch(path, { user: 'ida' }, { 'if-match': created.headers.etag })).statusCode,
    200,
  )
})

test('A registration that waits while another process deletes the GUID has a larger version than the deleted one', {
  skip: process.env.TEST_DATABASE?.startsWith('mongodb:'),
}, async (t) => {
  const url = await createSharedDatabase(t)
  const settings = { GUID_DATABASE_URL: url, CACHE_URL: 'none:' }
  const [early, late] = [await createWorld(t, settings), await createWorld(t, settings)]
  early.clock.advance(hourMs)
  for (let round = 0; round < 3; round++) {
    const deleted = versionOf(await early.post(path, { user: 'ada' }))
    const deletion = await hold(t, url, [
      url.startsWith('sqlite:') ? 'begin immediate' : 'begin',
      `insert into version_floor select version from guid where guid = '${canonical}'`,
      `delete from guid where guid = '${canonical}'`,
    ])
    const waiting = late.post(path, { user: 'eve' })
    await pause(150)
    await deletion.release()
    assert.ok(versionOf(await waiting) > deleted)
    await late.delete(path)
  }
})

test('Of many processes that register and delete one GUID at once, each registration has a version of its own', async (t) => {
  const processes = await createProcesses(t, startMs, startMs, startMs - hourMs)
  const versions: number[] = []
  await Promise.all(
    processes.map(async ({ post, delete: remove }) => {
      for (let i = 0; i < 40; i++) {
        const response = await post(path, { user: 'ada' })
        if (response.statusCode === 201) versions.push(versionOf(response))
        await remove(path)
      }
    }),
  )
  assert.equal(new Set(versions).size, versions.length)
  assert.ok(versions.length > 20, String(versions.length))
})
