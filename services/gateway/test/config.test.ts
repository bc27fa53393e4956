import assert from 'node:assert/strict'
import { test } from 'node:test'
import { faultsOf, loadConfig } from '@quintet/chassis/config'
import { settingsOf } from '@quintet/chassis/testing/settings'
import { gatewaySettings } from '../src/config.ts'

for (const url of ['http://127.0.0.1:99999', 'http://[:::]', 'http://127.0.0.1/path', 'ftp://127.0.0.1'])
  test(`The address of a service cannot be ${url}`, () => {
    assert.throws(
      () => loadConfig(gatewaySettings, settingsOf({ GUID_URL: url })),
      /GUID_URL must be an address like http:/,
    )
  })

for (const [list, faults] of [
  ['http://a:1,', 'the 2nd is empty'],
  ['http://a:1,ftp://b:2', 'the 2nd is none'],
  ['http://a:1/x,http://b:2', 'the 1st has more than a host and a port'],
  [
    'http://a,http://b?x=1,http://c#d',
    'the 2nd has more than a host and a port, the 3rd has more than a host and a port',
  ],
  ['http://a:1,http://b:70000,http://user:secret@c', 'the 2nd is none, the 3rd is none'],
  ['http://a:80, http://b:1, http://A/', 'the 3rd is the same as the 1st'],
  [
    Array.from({ length: 65 }, (_, at) => `http://a:${at + 1}`).join(),
    'there are 65, and at most 64 are used',
  ],
] as const)
  test(`Of a list of addresses the fault says which is wrong: ${faults}`, () => {
    const [fault = '', ...more] = faultsOf(gatewaySettings, settingsOf({ GUID_URL: list }))
    assert.deepEqual(more, [])
    const start =
      'GUID_URL must be an address like http://127.0.0.1:8888, without a path, or several with commas between them'
    assert.ok(fault.startsWith(`${start} (${faults}), but is `), fault)
    assert.doesNotMatch(fault, /secret/)
  })

test('A service may have several addresses, names and IPv6 among them', () => {
  for (const list of [
    'http://a:1,http://b:1',
    ' http://a:1 , http://[::1]:8080/ ',
    'http://a.example,http://a.example:81',
    'https://a.example,https://[::1]:8080,http://a.example',
  ])
    assert.deepEqual(faultsOf(gatewaySettings, settingsOf({ GUID_URL: list })), [], list)
})

const refused: ReadonlyArray<[title: string, values: Record<string, string>, fault: RegExp]> = [
  [
    'An exchange may take at least as long as the wait for its response',
    { GATEWAY_TIMEOUT_MS: '8000', GATEWAY_EXCHANGE_TIMEOUT_MS: '7999' },
    /^GATEWAY_EXCHANGE_TIMEOUT_MS is 7999, less than GATEWAY_TIMEOUT_MS, 8000/,
  ],
  [
    'The default of one timeout is compared with the other that is set',
    { GATEWAY_EXCHANGE_TIMEOUT_MS: '1000' },
    /^GATEWAY_EXCHANGE_TIMEOUT_MS is 1000, less than GATEWAY_TIMEOUT_MS, 8000/,
  ],
  [
    'A stream may be silent for longer than the time between two heartbeats',
    { GATEWAY_STREAM_IDLE_MS: '15000' },
    /^GATEWAY_STREAM_IDLE_MS is 15000, but .* between two heartbeats: set it to 16000 or more/,
  ],
  [
    'No service has the address of the gateway',
    { GUID_URL: 'http://localhost:3000' },
    /^GUID_URL is http:\/\/localhost:3000, the address of the gateway itself/,
  ],
  [
    'No service has the address of the gateway under the name of its host',
    { HOST: 'gateway.example', BILLING_URL: 'http://gateway.example:3000/' },
    /^BILLING_URL is http:\/\/gateway\.example:3000, the address of the gateway itself/,
  ],
  [
    'No two services have the same address',
    { GUID_URL: 'http://one.example', BILLING_URL: 'http://one.example:80/' },
    /^GUID_URL and BILLING_URL are both http:\/\/one\.example: set an address for each service/,
  ],
  [
    'No two services have an address in common',
    {
      GUID_URL: 'http://one.example,http://two.example',
      BILLING_URL: 'http://three.example,http://two.example:80',
    },
    /^GUID_URL and BILLING_URL have http:\/\/two\.example: set an address for each service/,
  ],
  [
    'No service has the address of the gateway among others',
    { GUID_URL: 'http://one.example,http://localhost:3000' },
    /^GUID_URL has http:\/\/localhost:3000, the address of the gateway itself/,
  ],
  [
    'An address that is given is not the default one of another service',
    { GUID_URL: 'http://127.0.0.1:8081' },
    /^GUID_URL and BILLING_URL are both http:\/\/127\.0\.0\.1:8081: /,
  ],
]

for (const [title, values, fault] of refused)
  test(title, () => {
    const faults = faultsOf(gatewaySettings, settingsOf(values))
    assert.equal(faults.length, 1, faults.join('\n'))
    assert.match(String(faults[0]), fault)
  })

test('All settings that contradict each other are named at once, and beside those that are invalid by themselves', () => {
  const faults = faultsOf(
    gatewaySettings,
    settingsOf({
      GATEWAY_EXCHANGE_TIMEOUT_MS: '100',
      GATEWAY_STREAM_IDLE_MS: '100',
      GUID_PORT: '3000',
      BILLING_URL: 'http://localhost:3000',
      GATEWAY_SLOW_MAX: '0',
    }),
  )
  const named = faults.map((fault) => fault.split(' ', 1)[0]).sort()
  assert.deepEqual(named, [
    'BILLING_URL',
    'GATEWAY_EXCHANGE_TIMEOUT_MS',
    'GATEWAY_SLOW_MAX',
    'GATEWAY_STREAM_IDLE_MS',
    'GUID_PORT',
  ])
})

test('Settings that are at their limits contradict nothing', () => {
  const values = {
    GATEWAY_TIMEOUT_MS: '60000',
    GATEWAY_STREAM_IDLE_MS: '16000',
    GUID_URL: 'http://a.example',
    BILLING_URL: 'http://a.example:81',
  }
  assert.deepEqual(faultsOf(gatewaySettings, settingsOf(values)), [])
})
