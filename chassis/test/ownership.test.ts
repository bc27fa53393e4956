import assert from 'node:assert/strict'
import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { test } from 'node:test'
import { AppError } from '@quintet/chassis/errors'
import {
  mayChange,
  mayRead,
  mayReadOwned,
  rowAccessOf,
  setDecision,
  unrestricted,
} from '@quintet/chassis/guard'
import type { GuardDecision, Principal, RowAccess } from '@quintet/chassis/guard'
import { idempotencyScopeOf, listen } from '@quintet/chassis/http'
import { getById } from '@quintet/chassis/resource'
import type { Authenticator } from '../src/guard/context.ts'
import { createSampleApp } from './sample-app.ts'

const principals: Record<string, Principal> = {
  ada: principal('ada'),
  bob: principal('bob'),
  reader: principal('reader', ['all:read']),
  writer: principal('writer', ['all:write']),
}

function principal(id: string, scopes: readonly string[] = []): Principal {
  return { id, kind: 'key', scopes: new Set(scopes), plan: undefined, expiresAt: undefined }
}

/** What a request may do, of this principal or of nobody. */
function accessOf(name?: string): RowAccess {
  const request = new IncomingMessage(new Socket())
  const decision: GuardDecision = {
    client: { address: '192.0.2.1', key: '192.0.2.1' },
    hasOwners: true,
    principal: name === undefined ? undefined : principals[name],
    fields: [],
    instead: undefined,
    release: undefined,
  }
  setDecision(request, decision)
  return rowAccessOf(request)
}

test('A request reads and changes what its principal owns, and what others own by a scope alone', () => {
  const table: readonly (readonly [who: string | undefined, owner: string | null, rights: string])[] = [
    ['ada', 'ada', 'read, read owned, change'],
    ['ada', 'bob', ''],
    ['ada', null, 'read'],
    ['reader', 'ada', 'read, read owned'],
    ['reader', null, 'read, read owned'],
    ['writer', 'ada', 'change'],
    ['writer', null, 'read, change'],
    [undefined, 'ada', ''],
    [undefined, null, 'read'],
  ]
  for (const [who, owner, rights] of table) {
    const access = accessOf(who)
    const found = { read: mayRead, 'read owned': mayReadOwned, change: mayChange }
    const names = Object.entries(found).filter(([, may]) => may(access, owner))
    assert.equal(names.map(([name]) => name).join(', '), rights, `${who} on what ${owner} owns`)
    assert.equal(access.owner, who ?? null)
  }
})

test('Where clients are not authenticated, owners do not count and nothing gets one', () => {
  const access = rowAccessOf(new IncomingMessage(new Socket()))
  assert.equal(access, unrestricted)
  for (const owner of ['ada', null])
    assert.ok(mayRead(access, owner) && mayReadOwned(access, owner) && mayChange(access, owner))
  assert.equal(access.owner, null)
})

/** Takes the name of a principal as a token; none is nobody. */
const byName: Authenticator = {
  authenticate: ({ headers }) => principals[headers.authorization ?? ''],
  async close() {},
}

test('What another owns is not found by any way to read it, as what does not exist', async (t) => {
  const app = await createSampleApp(t, { guardParts: { authenticator: byName } })
  const rows: Record<string, string | null> = { '1': 'ada', '2': null }
  let later = false
  getById(app, {
    url: '/things/:id',
    schema: {},
    parse: (id) => id,
    find: (id) => {
      const found = id in rows ? { owner: rows[id] ?? null } : undefined
      return later ? Promise.resolve(found) : found
    },
    represent: () => ({ etag: '"1"', body: '{}' }),
    notFound: () => new AppError('not_found', 'There is no such thing.'),
    ownerOf: ({ owner }) => owner,
  })
  const url = await listen(app, { host: '127.0.0.1', port: 0 })
  const send = async (who: string, path: string, init: RequestInit = {}) => {
    const headers = { ...init.headers, ...(who !== '' && { authorization: who }) }
    const response = await fetch(`${url}${path}`, { ...init, headers })
    return { status: response.status, etag: response.headers.get('etag'), body: await response.text() }
  }
  const withoutId = (body: string) => body.replace(/"instance":"[^"]*"/, '')
  for (later of [false, true])
    for (const who of ['ada', 'bob', 'reader', 'writer', '']) {
      const sees = who === 'ada' || who === 'reader'
      const missing = await send(who, '/things/3')
      for (const path of ['/things/1', '/things/1?']) {
        const found = await send(who, path)
        assert.equal(found.status, sees ? 200 : 404, `${who} ${path}`)
        if (!sees) {
          assert.equal(found.etag, missing.etag)
          assert.equal(withoutId(found.body), withoutId(missing.body))
        }
        const conditional = await send(who, path, { headers: { 'if-none-match': '"1"' } })
        assert.equal(conditional.status, sees ? 304 : 404)
        assert.equal((await send(who, path, { method: 'HEAD' })).status, sees ? 200 : 404)
      }
      assert.equal((await send(who, '/things/2')).status, 200)
    }
})

test('An Idempotency-Key is another one for each principal', async (t) => {
  const app = await createSampleApp(t, { guardParts: { authenticator: byName } })
  app.post('/things', async (request) => ({ scope: idempotencyScopeOf(request) }))
  const url = await listen(app, { host: '127.0.0.1', port: 0 })
  const scopes = new Set<unknown>()
  for (const who of ['ada', 'bob', undefined, 'ada']) {
    const headers = { 'idempotency-key': 'k', ...(who !== undefined && { authorization: who }) }
    scopes.add(await (await fetch(`${url}/things`, { method: 'POST', headers })).text())
  }
  assert.equal(scopes.size, 3)
})
