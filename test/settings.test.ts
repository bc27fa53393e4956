import assert from 'node:assert/strict'
import { test } from 'node:test'
import { faultsOf } from '@quintet/chassis/config'
import { settingsOf } from '@quintet/chassis/testing/settings'
import { consoleSettings } from '@quintet/console/config'
import { serviceNames } from '@quintet/contracts/topology'
import { services } from '../topology.ts'

test('Whichever setting of a service or of the console is invalid, alone or with all others, its faults are sentences and no exception', () => {
  const ofServices = serviceNames.map((name) => [name, services[name].settings] as const)
  for (const [service, settings] of [...ofServices, ['console', consoleSettings] as const]) {
    const names = Object.keys(settings.properties)
    const invalid = Object.fromEntries(names.map((name) => [name, '\u0000'.repeat(2)]))
    const noAddress = { HOST: '999.1.1.1' }
    const each = names.map((name) => ({ [name]: invalid[name] ?? '' }))
    for (const values of [invalid, noAddress, ...each])
      for (const fault of faultsOf(settings, settingsOf(values)))
        assert.match(fault, /^[A-Z].*\.$/s, `${service}: ${fault}`)
  }
})
