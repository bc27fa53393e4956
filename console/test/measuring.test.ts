import assert from 'node:assert/strict'
import { test } from 'node:test'
import { until } from '@quintet/chassis/testing'
import { createMetrics } from '@quintet/chassis/telemetry'
import { Value } from 'typebox/value'
import { Series, ServiceDetail, SystemMap } from '../src/wire/index.ts'
import { observed } from './observed.ts'
import { listenAs } from './scraping-world.ts'
import { openConsole } from './world.ts'

test('The console scrapes a service from its start on, and shows it on the map, among the services and in charts', async (t) => {
  const { url } = await listenAs(t, 'guid', createMetrics({ isOfProcess: true }))
  const { send } = await openConsole(
    t,
    {},
    {
      services: [
        {
          ...observed('guid', new URL(url).origin),
          metricsUrl: () => url,
          storage: () => [{ setting: 'GUID_DATABASE_URL', shown: 'postgres://db/guid_db' }],
        },
      ],
    },
  )
  const get = async (path: string): Promise<unknown> => JSON.parse((await send('GET', path)).text)

  await until(async () => {
    const detail = await get('/api/services/guid')
    assert.ok(Value.Check(ServiceDetail, detail))
    return detail.version !== '' && Number(detail.process.memoryBytes) > 0
  })
  const map = await get('/api/map')
  assert.ok(Value.Check(SystemMap, map))
  assert.deepEqual(
    map.nodes.map(({ id, state, engine }) => [id, state, engine]),
    [
      ['clients', 'unknown', ''],
      ['guid', 'up', ''],
      ['guid database', 'up', 'postgres'],
    ],
  )
  await until(async () => {
    const series = await get('/api/series?name=resident-memory')
    assert.ok(Value.Check(Series, series))
    return series.lines.some(
      ({ label, values }) => label === 'guid' && values.some((value) => value !== null),
    )
  })
})
