import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadConfig } from '@quintet/chassis/config'
import { settingsOf } from '@quintet/chassis/testing/settings'
import { gatewaySettings } from '../src/config.ts'

for (const url of ['http://127.0.0.1:99999', 'http://[:::]', 'http://127.0.0.1/path', 'https://127.0.0.1'])
  test(`The address of a service cannot be ${url}`, () => {
    assert.throws(
      () => loadConfig(gatewaySettings, settingsOf({ GUID_URL: url })),
      /GUID_URL must be an address like http:/,
    )
  })
