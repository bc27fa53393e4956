import assert from 'node:assert/strict'
import { test } from 'node:test'
import { authSettings, loadConfig } from '@quintet/chassis/config'
import { listen } from '@quintet/chassis/http'
import { Type } from 'typebox'
import { createSampleApp } from './sample-app.ts'
import { settingsOf } from './settings-contract.ts'

const settings = { AUTH: 'required', AUTH_ISSUER: 'http://127.0.0.1:9', AUTH_AUDIENCE: 'quintet' }

test('The metadata of the resource have the issuers, the scopes of its routes, and those for what others own', async (t) => {
  const guard = loadConfig(Type.Object(authSettings), settingsOf(settings))
  const app = await createSampleApp(t, { guard, scopes: 'movies' })
  for (const method of ['GET', 'POST']) app.route({ method, url: '/movies', handler: async () => ({}) })
  const url = await listen(app, { host: '127.0.0.1', port: 0 })
  const response = await fetch(`${url}/.well-known/oauth-protected-resource`)
  const { resource, authorization_servers: issuers, scopes_supported: scopes } = Object(await response.json())
  assert.deepEqual([response.status, resource, issuers], [200, url, [settings.AUTH_ISSUER]])
  assert.deepEqual(scopes, ['all:read', 'all:write', 'movies:read', 'movies:write', 'quintet:observe'])
})
