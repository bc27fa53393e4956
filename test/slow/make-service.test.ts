import assert from 'node:assert/strict'
import {
  appendFileSync,
  existsSync,
  globSync,
  mkdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { serviceNames } from '@quintet/contracts/topology'
import { call, dataFolder, root, run } from '../system/processes.ts'
import { copyRepository, newService as name } from './repository-copy.ts'
import type { RepositoryCopy } from './repository-copy.ts'

/** A service that `quintet make service` has made in a copy of the repository. */

let copy: RepositoryCopy
let printed = ''
before(async () => {
  copy = await copyRepository()
  printed = await copy.execute('node', ['quintet.ts', 'make', 'service', name])
})
after(() => copy.remove())

const read = (file: string) => readFileSync(join(copy.folder, file), 'utf8')
const path = `/api/${name}`
const freePort = { [`${name.toUpperCase()}_PORT`]: '0' }

test('A made service is formatted, and passes the linter and the compiler', async () => {
  await copy.execute('npm', ['run', 'format:check'])
  await copy.execute('npm', ['run', 'lint'])
  await copy.execute('npm', ['run', 'types'])
})

test('Making a service prints its folder, and every other file that has changed or is new', () => {
  const textIn = (folder: string, file: string) =>
    existsSync(join(folder, file)) ? readFileSync(join(folder, file), 'utf8') : undefined
  const files = globSync('{,.}*{,/**/*}', { cwd: copy.folder, exclude: ['**/node_modules', 'data'] })
    .filter((file) => statSync(join(copy.folder, file)).isFile())
    .filter((file) => textIn(root, file) !== textIn(copy.folder, file))
  const changed = files.filter((file) => !file.startsWith(`services/${name}/`))
  assert.ok(changed.includes('package-lock.json'))
  const [listed = ''] = printed.split('\n\n')
  assert.deepEqual(listed.split('\n').sort(), [`services/${name}/`, ...changed].sort())
})

test('A made service passes its own tests, and is in every list', async () => {
  // The other tests of the repository run on the service of docs/adding-a-service.md, which is made in the same way.
  const lists = ['test/{docs,tidy,topology}.test.ts', 'clients/test/*.test.ts']
  const tests = globSync([`services/${name}/test/**/*.test.ts`, ...lists], { cwd: copy.folder })
  assert.ok(tests.length > 6)
  await copy.execute('node', ['--test', ...tests])
})

test('A made service starts with the others, and is available through the gateway and in its document', async (t) => {
  const quintet = run(
    t,
    ['quintet.ts', 'start'],
    { DATA_DIR: dataFolder(t), LOG_LEVEL: 'warn', ...freePort },
    copy.folder,
  )
  const gateway = await quintet.address('gateway')
  const created = await call('POST', `${gateway}${path}`, { title: 'Metropolis', description: '' })
  assert.equal(created?.status, 201, JSON.stringify(created?.body))
  assert.deepEqual((await call('GET', `${gateway}${path}`))?.body, [created?.body])
  assert.deepEqual((await call('GET', `${await quintet.address(name)}${path}/1`))?.body, created?.body)
  const document = Object((await call('GET', `${gateway}/openapi.json`))?.body)
  assert.deepEqual(Object.keys(document.paths[path]), ['get', 'post', 'delete'])
  const health = Object((await call('GET', `${gateway}/health`))?.body)
  assert.equal(health.services[name].status, 'up')
  const addresses = [...serviceNames, name].map(async (one) => [
    '--env-var',
    `${one}=${await quintet.address(one)}`,
  ])
  const words = [...(await Promise.all(addresses)).flat(), '--folder', name]
  assert.match(
    await copy.execute('npm', ['run', '--silent', 'postman', '--', ...words]),
    /requests\s*│\s*[1-9]\d*\s*│\s*0 /,
  )
})

test('A service that exists, or whose folder exists, is not made, and nothing is changed', async () => {
  const texts = () => globSync('{,services/*/}*.*', { cwd: copy.folder, exclude: ['node_modules'] }).map(read)
  const before = texts()
  const make = (service: string) => copy.execute('node', ['quintet.ts', 'make', 'service', service])
  await assert.rejects(make(name), new RegExp(`"${name}" is a service already`))
  mkdirSync(join(copy.folder, 'services/leftovers'))
  await assert.rejects(make('leftovers'), /services\/leftovers exists, but is not in the topology/)
  assert.deepEqual(texts(), before)
})

test('quintet derive completes what was interrupted, and changes nothing the second time', async () => {
  const files = [
    '.env',
    'compose.yaml',
    'deploy/development.yaml',
    'clients/typescript/api.ts',
    'package-lock.json',
  ]
  const before = files.map(read)
  const lines = read('.env')
    .split('\n')
    .filter((line) => !line.startsWith(`${name.toUpperCase()}_PORT`))
  writeFileSync(join(copy.folder, '.env'), lines.join('\n'))
  appendFileSync(join(copy.folder, 'clients/typescript/api.ts'), '// ')
  for (let i = 0; i < 2; i++) {
    await copy.execute('node', ['quintet.ts', 'derive'])
    assert.deepEqual(files.map(read), before)
  }
})
