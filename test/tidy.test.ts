import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { test } from 'node:test'

/** The structure of the repository, held by tests: what is only agreed upon erodes. */

const root = new URL('..', import.meta.url)
const sources = globSync(['quintet.ts', '{backends,chassis,contracts,clients,services,test,bench}/**/*.ts'], {
  cwd: root,
}).filter((file) => !file.includes('node_modules'))
const services = globSync('services/*/package.json', { cwd: root }).map((file) => file.split('/')[1] ?? '')
const read = (file: string) => readFileSync(new URL(file, root), 'utf8')
const importsOf = (file: string) =>
  [...read(file).matchAll(/(?:from|import\()\s*'([^']+)'/g)].map(([, target]) => target ?? '')

test('There is something to judge', () => {
  assert.ok(sources.length > 40)
  assert.ok(services.includes('guid') && services.includes('gateway'))
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

test('The chassis knows no service and no contract, and the contracts know no chassis', () => {
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

test('Each service has the same files, and lets nobody import it', () => {
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

test('Each service stands in the topology, in the README and in the default settings', () => {
  for (const service of services) {
    assert.match(read('quintet.ts'), new RegExp(`^  ${service}: \\{$`, 'm'))
    assert.match(read('README.md'), new RegExp(`services/${service}`))
    assert.match(read('.env'), new RegExp(`^${service.toUpperCase()}_PORT=\\d+$`, 'm'))
  }
})

test('The README of a service has a row for each of its settings, with the default', () => {
  for (const service of services) {
    const names = [...read(`services/${service}/src/config.ts`).matchAll(/^ {2}([A-Z][A-Z0-9_]+):/gm)].map(
      ([, name]) => name,
    )
    assert.ok(names.length > 0)
    for (const name of names)
      assert.match(read(`services/${service}/README.md`), new RegExp(`^\\| \`${name}\` +\\|`, 'm'))
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

test('Nothing is left for later in a comment, and no comment names this place or its making', () => {
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
