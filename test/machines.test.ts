import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { settingNamesOf } from '@quintet/chassis/config'
import { topology } from '@quintet/contracts/topology'
import { services } from '../topology.ts'

/** The three machines agree with the list of services; deploy/test/machines.sh runs them. */

const root = new URL('..', import.meta.url)
const read = (file: string) => readFileSync(new URL(file, root), 'utf8')
const vagrantfile = read('Vagrantfile')

for (const name of ['inventory', 'billing', 'gateway'] as const) {
  const [, environment = ''] =
    new RegExp(`^  '${name}' => \\[.*?\\{\\n(.*?)^  \\}\\]`, 'ms').exec(vagrantfile) ?? []
  const given = [...environment.matchAll(/^ +'(\w+)' =>/gm)].map(([, setting = '']) => setting)
  const script = read(`scripts/${name}.sh`)

  test(`The Vagrantfile gives scripts/${name}.sh what it requires`, () => {
    const [, required = ''] = /^require (.*)$/m.exec(script) ?? []
    assert.ok(given.length > 0)
    assert.deepEqual(required.split(' ').sort(), given.toSorted())
  })

  test(`scripts/${name}.sh writes what it is given, and only settings of ${name}`, () => {
    const [, written = ''] = /^write_settings ((?:.*\\\n)*.*)$/m.exec(script) ?? []
    const names = [...written.matchAll(/"?\b([A-Z_]+)=/g)].map(([, setting = '']) => setting)
    const known = settingNamesOf(services[name].settings)
    assert.deepEqual(
      names.filter((setting) => !known.includes(setting)),
      [],
    )
    assert.deepEqual(
      given.filter((setting) => setting !== 'GATEWAY_ADDRESS' && !names.includes(setting)),
      [],
    )
  })

  const { databaseName } = { databaseName: undefined, ...topology[name] }
  if (databaseName !== undefined)
    test(`The Vagrantfile has the database of ${name} by its name`, () => {
      assert.match(environment, new RegExp(`'${name.toUpperCase()}_DATABASE_URL' => "[^"]*/${databaseName}"`))
    })
}
