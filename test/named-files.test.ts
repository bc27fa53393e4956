import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { describeConfig, faultsOf, settingNamesOf, validValues } from '@quintet/chassis/config'
import { startFaults } from '@quintet/chassis/http'
import { settingsOf } from '@quintet/chassis/testing/settings'
import { tlsFiles } from '@quintet/chassis/testing/tls'
import { serviceNames } from '@quintet/contracts/topology'
import { services } from '../topology.ts'

type ServiceName = (typeof serviceNames)[number]

/** The settings of a service that name a file or a folder, some of them with an @ before it. */
function namesOfFiles(service: ServiceName): string[] {
  return settingNamesOf(services[service].settings).filter((name) =>
    /_FILE$|_DIR$|^AUDIT_LOG$|_ALLOW$|_DENY$/.test(name),
  )
}

test('Each setting that names a file or a folder is one of those that are tested here', () => {
  for (const service of serviceNames)
    for (const { name, description } of describeConfig(services[service].settings, new Map()))
      if (/\b(?:file|folder|directory) of|, or a file|A file\b/i.test(description))
        assert.ok(namesOfFiles(service).includes(name) || name === 'ORDER_ID_KEY', name)
})

/** Settings with which each of these files is used, and none of them is at fault. */
function goodSettings(t: TestContext): Record<string, string> {
  const { certificate, key, authority } = tlsFiles(t)
  return {
    HOST: '127.0.0.1',
    ...Object.fromEntries(serviceNames.map((name) => [`${name.toUpperCase()}_PORT`, '0'])),
    AUTH: 'required',
    API_KEYS_FILE: import.meta.filename,
    RATE_LIMIT: 'on',
    TLS_CERT_FILE: certificate,
    TLS_KEY_FILE: key,
    GATEWAY_TLS_CERT_FILE: certificate,
    GATEWAY_TLS_KEY_FILE: key,
    GATEWAY_UPSTREAM_CA_FILE: authority,
    GATEWAY_UPSTREAM_CERT_FILE: certificate,
    GATEWAY_UPSTREAM_KEY_FILE: key,
  }
}

/** What is wrong with these settings at a start of the service. */
async function faultsAtStart(service: ServiceName, values: Readonly<Record<string, string>>) {
  const { settings: schema } = services[service]
  const settings = settingsOf(values)
  const start = await startFaults([{ name: service, values: validValues(schema, settings) }])
  return [...faultsOf(schema, settings), ...start]
}

for (const [title, path] of [
  ['does not exist', '/nowhere/at-all'],
  ['is below a file', '/dev/null/at-all'],
] as const)
  test(`A setting whose file ${title} has one sentence at a start, with its name, the path and what is expected`, async (t) => {
    const good = goodSettings(t)
    for (const service of serviceNames) assert.deepEqual(await faultsAtStart(service, good), [], service)
    const users = new Map(
      serviceNames.flatMap((service) => namesOfFiles(service).map((name) => [name, service])),
    )
    for (const [name, service] of users) {
      // As root, a folder that does not exist is created.
      if (/^(?:AUDIT_LOG|DATA_DIR)$/.test(name) && path.startsWith('/nowhere')) continue
      const value = /_ALLOW$|_DENY$/.test(name) ? `@${path}` : path
      const [fault = '', ...others] = await faultsAtStart(service, { ...good, [name]: value })
      assert.deepEqual(others, [], name)
      for (const part of [name, path, /must be|set DATA_DIR to/, /^[A-Z].*\.$/])
        assert.match(fault, new RegExp(part))
      assert.doesNotMatch(fault, /\bE[A-Z]{4,}\b|no such file/)
    }
  })
