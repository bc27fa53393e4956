import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConfigError, loadConfig } from '@quintet/chassis/config'
import type { Settings } from '@quintet/chassis/config'
import type { Static, TObject } from 'typebox'

/** Settings as the environment would make them. */
export function settingsOf(values: Readonly<Record<string, string>>): Settings {
  return new Map(Object.entries(values).map(([name, value]) => [name, { value, source: 'environment' }]))
}

/** A value that each of the settings of every service refuses. */
export const invalidCommonSettings = {
  HOST: '',
  OPERATIONS_PORT: '65536',
  OPERATIONS_HOST: '',
  DATA_DIR: '',
  LOG_LEVEL: 'loud',
  RATE_LIMIT: 'perhaps',
  RATE_LIMIT_URL: 'memory:?bytes=4096',
  RATE_LIMIT_POLICIES: '"client"',
  RATE_LIMIT_FILE: '/does/not/exist',
  RATE_LIMIT_DEGRADED: 'shut',
  RATE_LIMIT_REPLICAS: '0',
  RATE_LIMIT_IPV6_PREFIX: '129',
  RATE_LIMIT_FIELDS: 'all',
  RATE_LIMIT_QUOTA_URL: 'memory:',
  RATE_LIMIT_AT: 'nowhere',
  CONNECTIONS_MAX: '0',
  SHUTDOWN_GRACE_MS: '-1',
  WORKERS: '0',
  CHECK_RESPONSES: 'maybe',
  PROMISE_CHECK_SECONDS: '-1',
  TRUSTED_PROXIES: '10.0.0.0/33',
  CORS_ORIGINS: 'https://shop.example/path',
  CORS_CREDENTIALS: 'perhaps',
  CORS_MAX_AGE_MS: '-1',
  AUTH: 'maybe',
  AUTH_ISSUER: 'http://login.example.com',
  AUTH_AUDIENCE: '',
  AUTH_JWKS_URL: 'login.example.com/keys',
  AUTH_ALGORITHMS: 'HS256',
  AUTH_TOKEN_TYPES: '',
  AUTH_CLOCK_SKEW_MS: '120001',
  AUTH_JWKS_MAX_AGE_MS: '999',
  AUTH_JWKS_COOLDOWN_MS: '99',
  AUTH_JWKS_STALE_MS: '-1',
  AUTH_SCOPE_CLAIM: '',
  AUTH_PLAN_CLAIM: '',
  AUTH_DENY_FILE: '',
  API_KEYS_FILE: '',
  TLS_CERT_FILE: '',
  TLS_KEY_FILE: '',
  TLS_CLIENT_CA_FILE: '',
  AUDIT_LOG: '',
  AUDIT_REQUIRED: 'perhaps',
  TELEMETRY_URL: 'sqlite:telemetry.db?bytes=4096',
  OTLP_URL: 'collector:4318',
  OTLP_HEADERS: 'authorization: Bearer token',
  TRACE_PER_SECOND: '-1',
  TRACE_SLOW_MS: '0',
}

/**
 * What the settings of every service guarantee: defaults for all, and every fault reported at once. `invalid` has a value
 * for each setting that it must refuse, or an empty text where it refuses none.
 */
export function testSettings<T extends TObject>(
  schema: T,
  {
    defaults,
    invalid,
  }: {
    defaults: Partial<Static<T>>
    invalid: Readonly<Record<keyof T['properties'], string>>
  },
): void {
  test('Without any settings every default applies', () => {
    const config: Readonly<Record<string, unknown>> = loadConfig(schema, new Map())
    for (const [name, value] of Object.entries(defaults)) assert.equal(config[name], value, name)
  })

  test('All invalid settings are reported at once, by name', () => {
    const refused = Object.entries<string>(invalid).filter(([, value]) => value !== '')
    assert.ok(refused.length > 0)
    assert.throws(
      () => loadConfig(schema, settingsOf(Object.fromEntries(refused))),
      (error) => {
        assert.ok(error instanceof ConfigError)
        const named = error.faults.map((fault) => fault.split(' ', 1)[0])
        assert.deepEqual(named.sort(), refused.map(([name]) => name).sort())
        return true
      },
    )
  })
}
