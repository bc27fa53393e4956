import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { test } from 'node:test'
import { circlesOf, importsOf, readImportGraph, sources } from './import-graph.ts'

/** The structure of the repository, held by tests: what is only agreed upon erodes. */

const root = new URL('..', import.meta.url)
const graph = readImportGraph()
const services = globSync('services/*/package.json', { cwd: root }).map((file) => file.split('/')[1] ?? '')
const read = (file: string) => readFileSync(new URL(file, root), 'utf8')

test('The sources and services are found', () => {
  assert.ok(sources.length > 40)
  assert.ok(services.includes('guid') && services.includes('gateway'))
})

test('There are no import cycles, type imports included', () => {
  const circles = circlesOf(graph).map((circle) => `${circle.join(' -> ')}; ${adviceFor(circle)}`)
  assert.deepEqual(circles, [])
})

/** Which import of a circle to turn: the one that leads up a floor, or from an adapter into the factory that chooses it. */
function adviceFor(circle: readonly string[]): string {
  for (const [i, file] of circle.slice(0, -1).entries()) {
    const target = circle[i + 1] ?? ''
    if (floorOf(file) < floorOf(target)) return `turn the import of ${target} in ${file}, which leads up`
    if (target.endsWith('/index.ts') && file.startsWith(target.slice(0, -'index.ts'.length)))
      return `in ${file}, import the types from ${target.replace('index.ts', 'port.ts')}`
  }
  return 'move what they share into a file that both import'
}

/** The rooms of the chassis from the ground up: each imports only rooms that stand before it. */
const chassisFloors = [
  ['errors', 'clock', 'config', 'compile-cache'],
  ['telemetry'],
  ['concurrency'],
  ['cache', 'database'],
  ['queue'],
  ['outbox', 'idempotency', 'sweeper'],
  ['diagnosis', 'http'],
  ['resource'],
]
const serviceFloor = chassisFloors.length
const topFloor = serviceFloor + 10

/** How high a file stands; imports lead down, or along one floor. */
function floorOf(file: string): number {
  const [place = '', , room = '', name = ''] = file.split('/')
  if (place === 'backends' || place === 'contracts') return -1
  if (file.startsWith('chassis/src/')) return chassisFloors.findIndex((rooms) => rooms.includes(room))
  if (file.includes('/test/') || place === 'test') return topFloor
  if (place !== 'services') return topFloor
  if (room === 'migrations') return serviceFloor
  if (name === 'main.ts') return serviceFloor + 5
  if (name === 'app.ts') return serviceFloor + 4
  if (name === 'routes.ts') return serviceFloor + 3
  return /(^|-)(routes|consumer)\.ts$/.test(name) ? serviceFloor + 2 : serviceFloor + 1
}

test('Every room of the chassis has a floor', () => {
  for (const folder of globSync('chassis/src/*', { cwd: root }).map((path) => basename(path)))
    assert.ok(chassisFloors.flat().includes(folder), `chassis/src/${folder} is on no floor of this test`)
})

test('No import leads up: chassis rooms in their order, and in a service main, app, routes, then rules and stores', () => {
  for (const [file, targets] of graph)
    for (const target of targets)
      assert.ok(floorOf(target) <= floorOf(file), `${file} must not import ${target}, which stands above it`)
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

test('The backends know nothing of the project', () => {
  for (const file of sources.filter((name) => name.startsWith('backends/')))
    for (const target of importsOf(file).filter(
      (name) => name.startsWith('.') || name.startsWith('@quintet'),
    ))
      assert.ok(
        target.startsWith('.') && new URL(target, new URL(file, root)).pathname.includes('/backends/'),
        `${file} imports ${target}`,
      )
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
    .filter((name) => /^(chassis|contracts|services)\/.*src\//.test(name))
    .filter((name) => basename(name) !== 'main.ts'))
    assert.doesNotMatch(read(file), /process\.env/, file)
})

test('Rules and stores take the time from a clock', () => {
  for (const file of sources.filter((name) => /^services\/.*\/src\//.test(name)))
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
