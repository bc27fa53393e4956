import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { commonSettings, describeConfig, settingNamesOf } from '@quintet/chassis/config'
import { consoleSettings } from '@quintet/console/config'
import { portSetting, serviceNames, topology, urlSetting } from '@quintet/contracts/topology'
import type { ServiceEntry, ServiceName } from '@quintet/contracts/topology'
import { derivedFiles } from '../cli/derived/derived-files.ts'
import { services } from '../topology.ts'
import { importsOf, sources } from './import-graph.ts'

/** Every list of services agrees with contracts/src/topology.ts: one test for each, which names the file. */

const root = new URL('..', import.meta.url)
const read = (file: string) => readFileSync(new URL(file, root), 'utf8')
const settingsOf = (name: ServiceName) => describeConfig(services[name].settings, new Map())
const settingOf = (name: ServiceName, setting: string | undefined) =>
  settingsOf(name).find((one) => one.name === setting)?.value

test('contracts/src/topology.ts has an entry for each folder of services/, and no other', () => {
  const folders = globSync('services/*/package.json', { cwd: root }).map((file) => file.split('/')[1])
  assert.deepEqual([...serviceNames].sort(), folders.sort())
})

test('topology.ts has the code of each service, and is the only file outside tests that imports services', () => {
  assert.deepEqual(Object.keys(services).sort(), [...serviceNames].sort())
  for (const file of sources.filter((name) => name !== 'topology.ts' && !/(^|\/)test\//.test(name)))
    for (const target of importsOf(file).filter((name) => name.startsWith('.')))
      if (new URL(target, new URL(file, root)).href.startsWith(`${root}services/`))
        assert.ok(file.startsWith('services/'), `${file} imports ${target}`)
})

test('No two services have the same port, the same path or the same database', () => {
  const entries: ServiceEntry[] = Object.values(topology)
  for (const values of [
    entries.map(({ port }) => `${port}`),
    entries.flatMap(({ paths }) => Object.keys(paths)),
    entries.flatMap(({ databaseName = [] }) => databaseName),
  ])
    assert.equal(new Set(values).size, values.length, values.join(', '))
})

for (const { file, has, update } of derivedFiles)
  test(`${file} has ${has}`, () => {
    const text = read(file)
    assert.ok(update(text, topology) === text, 'Run npm run quintet derive, and commit what it changed.')
    const more = update(text, { ...topology, library })
    assert.match(more, /library/i, 'A missing service would not be noticed.')
    assert.equal(update(more, { ...topology, library }), more)
  })

for (const name of serviceNames) {
  const { port, storage, engines, databaseName }: ServiceEntry = topology[name]

  test(`services/${name}/src/config.ts has the port and the storage of the topology`, () => {
    assert.equal(settingOf(name, portSetting(name)), String(port))
    // Those of limits and of telemetry are in every service, and hold nothing of it.
    const own = settingsOf(name).filter((one) => !/^(?:RATE_LIMIT|TELEMETRY)_/.test(one.name))
    const embedded = own.filter(({ value }) => /^(sqlite|memory):/.test(value))
    assert.deepEqual(embedded.map((one) => one.name).sort(), Object.values(storage).sort())
    if (storage.database === undefined) return
    assert.equal(storage.database, `${name.toUpperCase()}_DATABASE_URL`)
    assert.equal(settingOf(name, storage.database), `sqlite:data/${name}.db`)
    const { pattern }: { pattern?: string } = services[name].settings.properties[storage.database] ?? {}
    const accepted = allEngines.filter((engine) => new RegExp(pattern ?? '^$').test(`${engine}:`))
    assert.deepEqual(accepted.sort(), [...engines].sort())
  })

  if (databaseName !== undefined)
    for (const [file, line] of [
      [
        'compose.yaml',
        `^ +(?:- databases/${storage.database?.toLowerCase()}=|${storage.database}: )(?<engine>\\w+)://.+/${databaseName}(\\?.*)?$`,
      ],
      ['docs/operating.md', `^\\| \`${storage.database}\` .*\`(?<engine>\\w+)://[^\`]*/${databaseName}[?\`]`],
    ] as const)
      test(`${file} has the database of ${name} by its name, on one of its engines`, () => {
        const { engine } = new RegExp(line, 'm').exec(read(file))?.groups ?? {}
        assert.ok(
          engines.some((one) => one === engine),
          `${storage.database} on ${engine}`,
        )
      })

  test(`services/${name}/README.md has a row for each setting, with its port and its database`, () => {
    const readme = read(`services/${name}/README.md`)
    for (const { name: setting } of settingsOf(name).filter((one) => !(one.name in commonSettings)))
      assert.match(readme, new RegExp(`^\\| \`${setting}\` +\\|`, 'm'))
    assert.match(readme, new RegExp(`^\\| \`${portSetting(name)}\` +\\| ${port} +\\|`, 'm'))
    if (databaseName !== undefined)
      assert.match(readme, new RegExp(`^\\| \`${storage.database}\` +\\|.*${databaseName}`, 'm'))
  })
}

test('docs/console.md has a row for each setting of the console alone, with its default', () => {
  const page = read('docs/console.md')
  const shared = new Set(serviceNames.flatMap((name) => settingsOf(name).map((one) => one.name)))
  const own = describeConfig(consoleSettings, new Map()).filter(({ name }) => !shared.has(name))
  assert.ok(own.length > 5)
  for (const { name, value } of own)
    assert.match(
      page,
      new RegExp(`^\\| \`${name}\` \\| \`?${RegExp.escape(value || 'empty')}[^\\w]`, 'm'),
      name,
    )
})

test('The console has the address of each service, by the settings that the gateway has', () => {
  const values = new Map(describeConfig(consoleSettings, new Map()).map(({ name, value }) => [name, value]))
  for (const name of serviceNames) {
    assert.equal(values.get(portSetting(name)), String(topology[name].port))
    assert.equal(values.get(urlSetting(name)), `http://127.0.0.1:${topology[name].port}`)
  }
})

test('docs/operating.md names each setting that can be given by a file, but for those of databases, and no other', () => {
  const schemas = [...serviceNames.map((name) => services[name].settings), consoleSettings]
  const names = schemas.flatMap((schema) => settingNamesOf(schema))
  // RATE_LIMIT_FILE has policies.
  const others = names.filter((name) => !name.endsWith('_DATABASE_URL') && name !== 'RATE_LIMIT')
  const inFiles = new Set(others.filter((name) => names.includes(`${name}_FILE`)))
  const [, list = ''] = /and for each of these:\n\n(.*?)\n\n/s.exec(read('docs/operating.md')) ?? []
  const documented = [...list.matchAll(/`(\w+)`/g)].map(([, name = '']) => name)
  assert.deepEqual(documented.sort(), [...inFiles].sort())
})

/** A service that is in no list yet. */
const library: ServiceEntry = {
  title: 'a library',
  summary: 'books: lent and returned',
  port: 8999,
  storage: { database: 'LIBRARY_DATABASE_URL', cache: 'CACHE_URL' },
  engines: ['sqlite', 'postgres'],
  databaseName: 'books_db',
  bodyBytesMax: 4096,
  scopes: 'books',
  paths: { '/api/books': '/api/books' },
}

const allEngines = ['sqlite', 'postgres', 'mysql', 'mongodb', 'dynamodb']

test('A service has a key file of its own only where no setting has the key', () => {
  for (const [name, setting, value, file] of [
    ['gateway', 'ORDER_ID_KEY', 'a secret of both services', /order-ids\.key$/],
    ['certificates', 'CERTIFICATES_KEY', 'ab'.repeat(32), /certificates\.key$/],
  ] as const) {
    assert.match(String(services[name].keyFile(new Map())), file)
    assert.equal(services[name].keyFile(new Map([[setting, { value, source: 'environment' }]])), undefined)
  }
})
