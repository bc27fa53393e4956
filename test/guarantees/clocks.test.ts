import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { call, dataFolder, run } from '../system/processes.ts'

const hourMs = 3_600_000

/** Node's options for a process whose clock is ahead of the machine's. */
function clockAhead(ms: number): string[] {
  const code = `const now = Date.now; Date.now = () => now() + ${ms}`
  return ['--import', `data:text/javascript,${encodeURIComponent(code)}`]
}

const main = 'services/guid/src/main.ts'

test('A process whose clock is an hour late or early shows each GUID until its second, and not after', async (t) => {
  for (const aheadMs of [-hourMs, hourMs]) {
    const environment = { DATA_DIR: dataFolder(t), LOG_LEVEL: 'silent' }
    const address = await run(t, [...clockAhead(aheadMs), main], environment).address('guid')
    const expire = Math.ceil(Date.now() / 1_000) + 2
    const created = await call('POST', `${address}/guid`, { user: 'ada', expire })
    assert.equal(created?.status, 201)
    const path = `${address}/guid/${Object(created?.body).guid}`
    for (let sentAt = Date.now(); ; sentAt = Date.now()) {
      const status = (await call('GET', path))?.status
      if (status === 404) break
      assert.equal(status, 200)
      assert.ok(sentAt < expire * 1_000)
      await pause(5)
    }
    assert.ok(Date.now() >= expire * 1_000 - 50)
    assert.equal((await call('PATCH', path, { expire: expire + 1_000 }))?.status, 404)
    const past = { user: 'ada', expire: Math.floor(Date.now() / 1_000) - 5 }
    assert.equal((await call('POST', `${address}/guid`, past))?.status, 400)
  }
})

test('Processes with different clocks over one embedded database never use a version of a GUID again', async (t) => {
  const environment = { DATA_DIR: dataFolder(t), LOG_LEVEL: 'silent' }
  const processes = [0, hourMs, -hourMs].map((aheadMs) => run(t, [...clockAhead(aheadMs), main], environment))
  const addresses: string[] = []
  for (const process of processes) addresses.push(await process.address('guid'))
  const path = '/guid/5E95AAD3B0D94B0F8C3D8A8F7E1C2B3A'
  const etags: (string | null)[] = []
  for (let round = 0; round < 30; round++) {
    const [registering = '', deleting = ''] = [addresses[round % 3], addresses[(round + 1) % 3]]
    const response = await fetch(registering + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ user: `user-${round}` }),
    })
    assert.equal(response.status, 201)
    etags.push(response.headers.get('etag'))
    assert.equal((await call('DELETE', deleting + path))?.status, 204)
  }
  const versions = etags.map((etag) => Number(etag?.slice(1, -1)))
  assert.deepEqual(
    versions,
    [...new Set(versions)].sort((a, b) => a - b),
  )
})
