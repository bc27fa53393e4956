import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { dependencyDown } from '@quintet/chassis/errors'
import { listen, pageQuery } from '@quintet/chassis/http'
import { readPage, rowList, searchList, sendList, sendRows } from '@quintet/chassis/resource'
import { until } from '@quintet/chassis/testing'
import { Type } from 'typebox'
import { createLines } from './log-lines.ts'
import { createSampleApp } from './sample-app.ts'

type Row = { id: number; bytes: number }
const rows: Row[] = [{ id: 1, bytes: 1 }]
const parts = { textOf: JSON.stringify, numberOf: ({ id }: Row) => id }

for (const [outcome, end] of [
  ['succeeds', () => rows],
  ['has found large rows', () => [{ id: 1, bytes: 1_000_000 }]],
  [
    'fails',
    () => {
      throw dependencyDown('The database is down.')
    },
  ],
] as const)
  for (const kind of ['read', 'search', 'read before the list', 'read of the cached first page'] as const)
    test(`A ${kind} that ${outcome} after the 503 of its list logs nothing of its own`, async (t) => {
      const { logger, lines } = createLines<{ level: string; msg?: string }>()
      const app = await createSampleApp(t, { logger, timeouts: { listMs: 50 } })
      const late = Promise.withResolvers<void>()
      const read = () => late.promise.then(end)
      app.get('/things', { schema: { querystring: Type.Object(pageQuery) } }, async (request, reply) => {
        const page = readPage(request.query)
        if (kind === 'read of the cached first page')
          return sendRows(request, reply, { ...parts, read, firstPage: (make) => make() })
        if (kind === 'read before the list') await read()
        if (kind === 'read') return sendList(request, reply, rowList(page, { ...parts, read }))
        const search = async () => ({ rows: await read(), reached: undefined })
        return sendList(request, reply, searchList(page, { ...parts, search }))
      })
      const url = await listen(app, { host: '127.0.0.1', port: 0 })
      const response = await fetch(`${url}/things`)
      assert.equal(response.status, 503)
      await response.text()
      await until(() => lines.some(({ msg }) => msg === 'request'))
      const before = lines.length
      late.resolve()
      for (let turn = 0; turn < 10; turn += 1) await nextTurn()
      assert.deepEqual(lines.slice(before), [])
    })
