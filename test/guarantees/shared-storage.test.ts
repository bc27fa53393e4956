import assert from 'node:assert/strict'
import { test } from 'node:test'
import { call, dataFolder, run } from '../system/processes.ts'

const guidMain = ['services/guid/src/main.ts']

test('Two processes over one embedded database: a read through one returns what the other acknowledged', async (t) => {
  const DATA_DIR = dataFolder(t)
  const environment = { DATA_DIR, LOG_LEVEL: 'silent' }
  const first = await run(t, guidMain, environment).address('guid')
  const { guid } = Object(
    await call('POST', `${first}/guid`, { user: 'start' }).then((response) => response?.body),
  )
  const addressesOf = (round: number) => (round % 2 === 0 ? [first, second] : [second, first])

  // The first process has the GUID in its cache when the second one starts.
  assert.equal(
    Object(await call('GET', `${first}/guid/${guid}`).then((response) => response?.body)).user,
    'start',
  )
  const second = await run(t, guidMain, environment).address('guid')
  for (let round = 0; round < 300; round++) {
    const [writer, reader] = addressesOf(round)
    const user = `round-${round}`
    assert.equal((await call('PATCH', `${writer}/guid/${guid}`, { user }))?.status, 200)
    assert.equal(
      Object(await call('GET', `${reader}/guid/${guid}`).then((response) => response?.body)).user,
      user,
    )
  }
})

test('Two processes over one embedded database: of 100 concurrent registrations of one GUID exactly one is 201', async (t) => {
  const DATA_DIR = dataFolder(t)
  const both = [
    run(t, guidMain, { DATA_DIR, LOG_LEVEL: 'silent' }),
    run(t, guidMain, { DATA_DIR, LOG_LEVEL: 'silent' }),
  ]
  const addresses = await Promise.all(both.map((one) => one.address('guid')))
  const guid = '5E95AAD3B0D94B0F8C3D8A8F7E1C2B3A'
  const responses = await Promise.all(
    Array.from({ length: 100 }, (_, i) =>
      call('POST', `${addresses[i % 2]}/guid/${guid}`, { user: `user-${i}` }),
    ),
  )
  const statuses = responses.map((response) => response?.status)
  assert.equal(statuses.filter((status) => status === 201).length, 1)
  assert.equal(statuses.filter((status) => status === 409).length, 99)
})

test('After kill -9 of a process the next one is alone on the database, and caches again', async (t) => {
  const DATA_DIR = dataFolder(t)
  const first = run(t, guidMain, { DATA_DIR, LOG_LEVEL: 'silent' })
  await call('POST', `${await first.address('guid')}/guid`, { user: 'ada' })
  await first.kill('SIGKILL')
  const second = await run(t, guidMain, { DATA_DIR, LOG_LEVEL: 'silent' }).address('guid')
  const [{ guid }] = Object(await call('GET', `${second}/guids`).then((response) => response?.body))
  for (let i = 0; i < 3; i++) await call('GET', `${second}/guid/${guid}`)
  const metrics = await (await fetch(`${second}/metrics`)).text()
  assert.match(metrics, /^quintet_cache_reads_total\{(?=[^}]*result="hit")[^}]*\} 2$/m)
})
