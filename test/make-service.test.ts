import assert from 'node:assert/strict'
import { test } from 'node:test'
import { migrateDatabase, openDatabase } from '@quintet/chassis/database'
import { createFileUrl } from '@quintet/chassis/testing'
import { topology } from '@quintet/contracts/topology'
import { sql } from 'kysely'
import { nameFaults, nextFreePort } from '../cli/make/name-check.ts'
import type { Nouns } from '../cli/make/nouns.ts'
import { createRenamer, nounsOf } from '../cli/make/nouns.ts'
import { planService } from '../cli/make/plan.ts'

const root = new URL('..', import.meta.url)
const inventory: Nouns = { service: 'inventory', singular: 'movie', plural: 'movies', port: 8080 }
const port = nextFreePort(inventory, topology, new Map())
const parcels = nounsOf('parcels', port)

test('The noun of a service is the singular of its name, unless it is given', () => {
  for (const [service, singular, plural] of [
    ['reviews', 'review', 'reviews'],
    ['categories', 'category', 'categories'],
    ['addresses', 'address', 'addresses'],
    ['boxes', 'box', 'boxes'],
    ['houses', 'house', 'houses'],
    ['catalog', 'catalog', 'catalogs'],
    ['status', 'status', 'statuses'],
  ] as const)
    assert.deepEqual(nounsOf(service, 1), { service, singular, plural, port: 1 })
  assert.deepEqual(nounsOf('library', 1, 'book'), {
    service: 'library',
    singular: 'book',
    plural: 'books',
    port: 1,
  })
  assert.deepEqual(nounsOf('people', 1, 'person', 'people').plural, 'people')
})

for (const [text, expected] of [
  ['createMovieStore(movies, movie)', 'createOrderStore(orders, order)'],
  ['InventoryConfig INVENTORY_DATABASE_URL', 'ShopConfig SHOP_DATABASE_URL'],
  ['A movie is not a movie.', 'An order is not an order.'],
  ['An inventory of movies, the inventory service', 'A shop service of orders, the shop service'],
  ['an inventory service', 'a shop service'],
  ['Movie inventory on port 8080, not 18080', 'Order shop on port 8082, not 18080'],
] as const)
  test(`In "${text}" every noun is replaced, in its case and with its article`, () => {
    assert.equal(createRenamer(inventory, nounsOf('shop', 8082, 'order'))(text), expected)
  })

test('A new service has all files of the model, and no word of its nouns', async () => {
  const { created } = await planService(root, inventory, parcels)
  for (const file of [
    'README.md',
    'parcels.http',
    'package.json',
    'src/parcel-store.ts',
    'test/routes.test.ts',
  ])
    assert.ok(created.has(`services/parcels/${file}`), file)
  for (const [file, text] of created)
    assert.doesNotMatch(file + text, /movie|inventor|8080|adding-a-service/i, file)
})

test('A new service begins with one migration, and has nothing for upgrades from versions that it never had', async () => {
  const { created, changed } = await planService(root, inventory, parcels)
  const migrations = [...created.keys()].filter((file) => file.includes('/migrations/'))
  assert.deepEqual(migrations, ['services/parcels/migrations/0001-create-parcels.ts'])
  for (const [file, text] of created)
    assert.doesNotMatch(file + text, /keyed|MissingKey|title-keys|earlier/i, file)
  assert.match(changed.get('topology.ts') ?? '', /versionColumns: \{ parcels: \['version'\] \}/)
})

test('The first migration of a new service makes the tables of the model but for its column for upgrades, and can be reverted', async (t) => {
  const first = new URL('cli/make/migrations/', root)
  const url = createFileUrl(t)
  const made = await tablesOf(url, first)
  const ofModel = await tablesOf(createFileUrl(t), new URL('services/inventory/migrations/', root))
  assert.deepEqual(
    made,
    ofModel.filter((column) => !column.startsWith('movies keyed_version')),
  )
  assert.equal(made.length, ofModel.length - 1)
  assert.deepEqual(await migrateDatabase(url, { migrations: first }, 'down'), ['0001-create-movies'])
})

/** The columns of a migrated database. */
async function tablesOf(url: string, migrations: URL): Promise<string[]> {
  await migrateDatabase(url, { migrations }, 'up')
  const database = await openDatabase<Record<never, never>>(url, { migrations })
  const columns = sql<Record<string, unknown>>`
    select m.name as "table", c.name, c.type, c."notnull", c.pk
    from sqlite_master m join pragma_table_info(m.name) c
    where m.type = 'table' and m.name not like 'sqlite%' order by m.name, c.name`
  const rows = await database.read(columns.compile(database.query))
  await database.close()
  return rows.map((row) => Object.values(row).join(' '))
}

test('A new service is entered in each list, after the other services and before the gateway', async () => {
  const { changed } = await planService(root, inventory, parcels)
  const text = (file: string) => changed.get(file) ?? ''
  assert.match(
    text('contracts/src/topology.ts'),
    new RegExp(`^ {2}parcels: \\{\\n[^}]*port: ${port},[^]*^ {2}gateway: \\{`, 'm'),
  )
  assert.match(text('topology.ts'), /^ {2}parcels: [\s\S]*^ {2}gateway: /m)
  assert.match(text('topology.ts'), /services\/parcels\/src\/app\.ts/)
  assert.match(text('.env'), new RegExp(`^PARCELS_PORT=${port}$`, 'm'))
  const { item }: { item: { name: string }[] } = JSON.parse(
    text('clients/postman/quintet.postman_collection.json'),
  )
  assert.ok(item.some(({ name }) => name === 'parcels'))
})

test('A noun that the code of the model uses for something else is refused with the file', async () => {
  await assert.rejects(planService(root, inventory, nounsOf('versions', port)), /services\/inventory\/.*\.ts/)
  await assert.rejects(
    planService(root, inventory, nounsOf('school', port, 'class')),
    /class has another meaning/,
  )
})

const taken = {
  settings: ['DATA_DIR', 'QUEUE_URL', 'GUID_PORT'],
  names: ['postgres', 'chassis'],
  ports: new Map([
    ['GUID_PORT', 9_100],
    ['QUEUE_URL', 5_672],
  ]),
}
for (const [nouns, fault] of [
  [nounsOf('Reviews', port), /"Reviews" cannot be the name of a service/],
  [nounsOf('../reviews', port), /cannot be the name of a service/],
  [nounsOf('movie-reviews', port), /cannot be the name of a service/],
  [nounsOf('', port), /cannot be the name of a service/],
  [nounsOf('library', port, 'Book'), /"Book" cannot be a singular noun/],
  [nounsOf('guid', port), /"guid" is a service already.*quintet derive/],
  [nounsOf('data', port), /"data" is reserved: the setting DATA_DIR/],
  [nounsOf('queue', port), /"queue" is reserved: the setting QUEUE_URL/],
  [nounsOf('postgres', port), /"postgres" is the name of something else/],
  [nounsOf('chassis', port), /"chassis" is the name of something else/],
  [nounsOf('films', port, 'movie'), /\/api\/movies leads to inventory already/],
  [nounsOf('parcels', 8888), /Port 8888 is that of guid/],
  [nounsOf('parcels', 9_100), /Port 9100 is that of GUID_PORT/],
  [nounsOf('parcels', 5_672), /Port 5672 is that of QUEUE_URL/],
  [nounsOf('parcels', Number('x')), /The port must be a whole number/],
  [nounsOf('fish', port, 'fish', 'fish'), /plural of "fish" must be another word/],
] as const)
  test(`A service is refused with a sentence: ${JSON.stringify(nouns)}`, () => {
    assert.match(nameFaults(nouns, topology, taken).join('\n'), fault)
  })

for (const [nouns, fault] of [
  [nounsOf('Movies', port), /^"Movies" cannot be the name of a service: it must have .* lower-case/],
  [nounsOf('library', port, 'Book'), /^"Book" cannot be a singular noun/],
  [nounsOf('class', port), /^"class" cannot be the name of a service: it is a word of the language/],
  [nounsOf('constructor', port), /^"constructor" cannot be the name of a service/],
  [nounsOf('classes', port), /^"class" cannot be a singular noun: .* Give another with --noun\.$/],
  [nounsOf('library', port, 'constructor'), /^"constructor" cannot be a singular noun/],
  [nounsOf('library', port, 'book', 'this'), /^"this" cannot be a plural noun: .* with --plural\.$/],
  [nounsOf('parcels', 80), /^The port must be a whole number from 1024 to 65535\.$/],
  [nounsOf('parcels', 65_536), /^The port must be/],
] as const)
  test(`A service is refused with one sentence only: ${JSON.stringify(nouns)}`, () => {
    const faults = nameFaults(nouns, topology, taken)
    assert.equal(faults.length, 1)
    assert.match(faults.join('\n'), fault)
  })

test('Two words that are given and wrong are both named', () => {
  assert.equal(nameFaults(nounsOf('Library', port, 'Book'), topology, taken).length, 2)
})

test('The port of a new service is the next that is free', () => {
  assert.deepEqual(nameFaults(parcels, topology, taken), [])
  assert.ok(port > inventory.port)
  assert.ok(Object.values(topology).every((entry) => entry.port !== port))
  assert.equal(nextFreePort(inventory, topology, new Map([['GUID_PORT', port]])), port + 1)
})
