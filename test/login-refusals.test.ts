import assert from 'node:assert/strict'
import { test } from 'node:test'
import { listen } from '@quintet/chassis/http'
import { createLogger } from '@quintet/chassis/telemetry'
import { settingsOf } from '@quintet/chassis/testing/settings'
import { services } from '../topology.ts'
import { dataFolder } from './system/processes.ts'

for (const RATE_LIMIT_AT of ['gateway', 'everywhere'])
  test(`A refused login has the fields of the limit that refuses it, at the service and at the gateway (${RATE_LIMIT_AT})`, async (t) => {
    const settings = {
      ...{ DATA_DIR: dataFolder(t), RATE_LIMIT: 'on', RATE_LIMIT_AT, QUEUE_URL: 'sqlite::memory:' },
      CERTIFICATES_DATABASE_URL: 'sqlite::memory:',
      RATE_LIMIT_POLICIES:
        '"client";q=600;w=60;by="address", "login";q=1;w=60;by="address";on="login";degraded="closed"',
    }
    const open = async (name: 'certificates' | 'gateway', more = {}) => {
      const logger = createLogger({ service: 'test', level: 'silent' })
      const app = await services[name].createApp(settingsOf({ ...settings, ...more }), { logger })
      t.after(() => app.close())
      return listen(app, { host: '127.0.0.1', port: 0 })
    }
    const service = await open('certificates')
    const gateway = await open('gateway', { CERTIFICATES_URL: service })
    const login = async (url: string) => {
      const { status, headers } = await fetch(`${url}/users/login`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ email: 'ada@example.com', password: 'guess' }),
      })
      return { status, policy: headers.get('ratelimit-policy'), limit: headers.get('ratelimit') }
    }
    const admitted = await login(gateway)
    assert.deepEqual([admitted.status, admitted.policy], [401, '"client";q=600;w=60'])
    for (const url of [gateway, service]) {
      const { status, policy, limit } = await login(url)
      assert.deepEqual([status, policy], [429, '"login";q=1;w=60'], url)
      assert.match(limit ?? '', /^"login";r=0;t=\d+$/, url)
    }
    const { headers } = await fetch(`${gateway}/users/1`)
    assert.equal(headers.get('ratelimit-policy'), '"client";q=600;w=60')
  })
