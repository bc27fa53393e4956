import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { test } from 'node:test'
import { cyclesOf, importsOf, readImportGraph, sources } from './import-graph.ts'
import { unusedExports } from './unused-exports.ts'

/** The structure of the repository, held by tests. */

const root = new URL('..', import.meta.url)
const graph = readImportGraph()
const services = globSync('services/*/package.json', { cwd: root }).map((file) => file.split('/')[1] ?? '')
const read = (file: string) => readFileSync(new URL(file, root), 'utf8')

test('The sources and services are found', () => {
  assert.ok(sources.length > 40)
  assert.ok(services.includes('guid') && services.includes('gateway'))
})

test('There are no import cycles, type imports included', () => {
  const cycles = cyclesOf(graph).map((cycle) => `${cycle.join(' -> ')}; ${adviceFor(cycle)}`)
  assert.deepEqual(cycles, [])
})

/** Which import of a cycle to reverse: one of a higher layer, or of the factory that chooses an adapter by the adapter. */
function adviceFor(cycle: readonly string[]): string {
  for (const [i, file] of cycle.slice(0, -1).entries()) {
    const target = cycle[i + 1] ?? ''
    if (layerOf(file) < layerOf(target))
      return `reverse the import of ${target} in ${file}, which is of a higher layer`
    if (target.endsWith('/index.ts') && file.startsWith(target.slice(0, -'index.ts'.length)))
      return `in ${file}, import the types from ${target.replace('index.ts', 'port.ts')}`
  }
  return 'move what they share into a file that both import'
}

/** The layers of the chassis, the lowest first; a folder imports only its own layer and those before it. */
const chassisLayers = [
  ['errors', 'clock', 'config', 'compile-cache', 'files', 'json', 'tls', 'x509'],
  ['telemetry'],
  ['concurrency', 'workers', 'audit', 'promises'],
  ['cache', 'database'],
  ['queue'],
  ['outbox', 'idempotency', 'sweeper'],
  ['diagnosis', 'guard'],
  ['http'],
  ['resource'],
]
const serviceLayer = chassisLayers.length
const topLayer = serviceLayer + 10

/** The layer of a file; it imports its own layer and lower ones. */
function layerOf(file: string): number {
  const [place = '', , folder = '', name = ''] = file.split('/')
  if (place === 'backends' || place === 'contracts') return -1
  if (file.startsWith('chassis/src/')) return chassisLayers.findIndex((folders) => folders.includes(folder))
  if (file.includes('/test/') || place === 'test') return topLayer
  if (place !== 'services') return topLayer
  if (folder === 'migrations') return serviceLayer
  if (name === 'main.ts') return serviceLayer + 5
  if (name === 'app.ts') return serviceLayer + 4
  if (name === 'routes.ts') return serviceLayer + 3
  return /(^|-)(routes|consumer)\.ts$/.test(name) ? serviceLayer + 2 : serviceLayer + 1
}

test('Nothing is exported that no other file uses', () => {
  // Migrations export both, which are called by a file's name.
  // The shapes of what the console sends are a contract with whoever reads it.
  const isContract = (one: string) => / (up|down)$/.test(one) || one.startsWith('console/src/wire/')
  const unused = unusedExports().filter((one) => !isContract(one))
  assert.deepEqual(unused, [])
})

test('Every folder of the chassis belongs to a layer', () => {
  for (const folder of globSync('chassis/src/*', { cwd: root }).map((path) => basename(path)))
    assert.ok(chassisLayers.flat().includes(folder), `chassis/src/${folder} belongs to no layer in this test`)
})

test('No import is of a higher layer: in the chassis by folder, in a service main, app, routes, then rules and stores', () => {
  for (const [file, targets] of graph)
    for (const target of targets)
      assert.ok(
        layerOf(target) <= layerOf(file),
        `${file} must not import ${target}, which is of a higher layer`,
      )
})

test('An adapter imports the types of its port, never the factory that chooses it', () => {
  for (const [file, targets] of graph)
    for (const target of targets.filter((name) => /^chassis\/src\/\w+\/index\.ts$/.test(name)))
      assert.ok(
        !file.startsWith(target.slice(0, -'index.ts'.length)),
        `${file} must import port.ts, not ${target}`,
      )
})

test('Stores and engines import nothing of HTTP', () => {
  const storage = /^services\/\w+\/src\/((.*-)?(store|storage|port)\.ts|(sql|mongodb|dynamodb)\/)/
  for (const [file, targets] of graph)
    if (storage.test(file))
      for (const target of targets)
        assert.doesNotMatch(target, /^chassis\/src\/(http\/|resource\/index)/, file)
})

test('A service imports its own files, the chassis, the contracts and packages that it declares', () => {
  for (const file of sources.filter((name) => name.startsWith('services/'))) {
    const service = file.split('/')[1] ?? ''
    const { dependencies = {} } = JSON.parse(read(`services/${service}/package.json`))
    for (const target of importsOf(file)) {
      if (target.startsWith('.')) {
        const resolved = new URL(target, new URL(file, root)).pathname
        assert.ok(
          resolved.startsWith(new URL(`services/${service}/`, root).pathname),
          `${file} leaves it by ${target}`,
        )
        continue
      }
      const name = target.startsWith('@')
        ? target.split('/').slice(0, 2).join('/')
        : (target.split('/')[0] ?? '')
      const allowed = target.startsWith('node:') || name in dependencies || isForTests(file, name)
      assert.ok(allowed, `${file} imports ${target}, which services/${service}/package.json does not declare`)
    }
  }
})

test('The chassis imports no service and no contract, and the contracts do not import the chassis', () => {
  for (const file of sources.filter((name) => /^(chassis|contracts)\//.test(name)))
    for (const target of importsOf(file)) {
      assert.doesNotMatch(target, /services\//, file)
      const other = file.startsWith('chassis/') ? '@quintet/contracts' : '@quintet/chassis'
      assert.notEqual(target.split('/').slice(0, 2).join('/'), other, file)
    }
})

test('The console imports its own files, the chassis and the contracts, and only commands and tests import it', () => {
  for (const [file, targets] of graph)
    for (const target of targets) {
      if (file.startsWith('console/')) assert.match(target, /^(console|chassis|contracts)\//, file)
      else if (target.startsWith('console/')) assert.match(file, /^(cli|test)\//, `${file} imports ${target}`)
    }
})

test('The backends import nothing of the rest of the project', () => {
  for (const file of sources.filter((name) => name.startsWith('backends/')))
    for (const target of importsOf(file).filter(
      (name) => name.startsWith('.') || name.startsWith('@quintet'),
    ))
      assert.ok(
        target.startsWith('.') && new URL(target, new URL(file, root)).pathname.includes('/backends/'),
        `${file} imports ${target}`,
      )
})

/** `quintet issuer` says that it is for development where this is missing. */
const forDevelopment = 'backends/src/issuer.ts'

test('The image has each file that the command imports', () => {
  const stage =
    read('deploy/Dockerfile')
      .split(/^FROM /m)
      .at(-1) ?? ''
  const copied = [...stage.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, paths = '']) =>
    paths.split(' '),
  )
  const imported = new Set(['quintet.ts'])
  for (const file of imported) for (const target of graph.get(file) ?? []) imported.add(target)
  assert.ok(imported.size > 100 && copied.length > 5)
  imported.delete(forDevelopment)
  const missing = [...imported].filter(
    (file) => !copied.some((path) => file === path || file.startsWith(`${path}/`)),
  )
  assert.deepEqual(missing, [])
})

test('Each service has the same files, and exports nothing', () => {
  for (const service of services) {
    for (const file of [
      'README.md',
      'src/main.ts',
      'src/app.ts',
      'src/config.ts',
      'src/routes.ts',
      `${service}.http`,
      'test',
    ])
      assert.ok(
        existsSync(new URL(`services/${service}/${file}`, root)),
        `services/${service} has no ${file}`,
      )
    assert.deepEqual(JSON.parse(read(`services/${service}/package.json`)).exports, {})
    assert.ok(
      read(`services/${service}/src/main.ts`).split('\n').length <= 26,
      `${service}: main.ts has grown`,
    )
  }
})

test('Only entry points, tests and tools read the environment', () => {
  for (const file of sources
    .filter((name) => /^(chassis|console|contracts|services)\/.*src\//.test(name))
    .filter((name) => basename(name) !== 'main.ts'))
    assert.doesNotMatch(read(file), /process\.env/, file)
})

test('Rules and stores take the time from a clock', () => {
  for (const file of sources.filter((name) => /^(services\/.*|console)\/src\//.test(name)))
    assert.doesNotMatch(read(file), /Date\.now\(\)|new Date\(\)/, file)
})

test('Nothing is called utils, helpers, common or types', () => {
  for (const file of sources)
    assert.doesNotMatch(basename(file), /^(utils?|helpers?|common|types?|misc)\.ts$/, file)
})

test('A test file has no title twice, and no test is left out', () => {
  for (const file of sources.filter((name) => name.endsWith('.test.ts'))) {
    const titles = [...read(file).matchAll(/^\s*(?:test|it)\(\s*(['"`])(.+?)\1,/gm)].map(
      ([, , title]) => title,
    )
    assert.deepEqual(titles, [...new Set(titles)], file)
    assert.doesNotMatch(read(file), /\b(test|it|describe)\.(only|skip|todo)\(/, file)
  }
})

test('Nothing is left for later in a comment', () => {
  const words = ['TO' + 'DO', 'FIX' + 'ME', 'X' + 'XX']
  for (const file of [...sources, ...globSync('**/*.md', { cwd: root, exclude: ['**/node_modules'] })])
    for (const word of words) assert.ok(!new RegExp(`\\b${word}\\b`).test(read(file)), `${file} has ${word}`)
})

test('Documents link only to what exists', () => {
  for (const file of globSync('**/*.md', { cwd: root, exclude: ['**/node_modules'] }))
    for (const [, target = ''] of read(file).matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)/g))
      assert.ok(existsSync(new URL(target, new URL(file, root))), `${file} links to ${target}`)
})

/** Tests may use what the root declares for development. */
function isForTests(file: string, name: string): boolean {
  return file.includes('/test/') && name in JSON.parse(read('package.json')).devDependencies
}
