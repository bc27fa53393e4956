import assert from 'node:assert/strict'
import { globSync } from 'node:fs'
import { after, test } from 'node:test'
import { engineUrl, freshDatabaseOn } from '@quintet/chassis/testing'
import { call, dataFolder, run } from '../system/processes.ts'
import { readRecipe } from './recipe.ts'
import { copyRepository, newService as name } from './repository-copy.ts'

/** A service that `quintet make service` has made, on PostgreSQL. */
const server = engineUrl('postgres')
const cache = engineUrl('redis')
if (server !== undefined && cache !== undefined) {
  const copy = await copyRepository()
  after(() => copy.remove())
  await copy.execute('node', ['quintet.ts', 'make', 'service', name])

  test('A made service passes its own tests on PostgreSQL', async () => {
    const tests = globSync(`services/${name}/test/**/*.engines.test.ts`, { cwd: copy.folder })
    assert.equal(tests.length, 1)
    const output = await copy.execute('node', ['--test', ...tests], {
      ENGINE_POSTGRES: server,
      ENGINE_REDIS: cache,
    })
    assert.doesNotMatch(output, /is not available/)
  })

  test('The commands of docs/adding-a-service.md test a made service on PostgreSQL, migrate it and examine it', async () => {
    const [tests = '', use = ''] = readRecipe()
      .filter(({ language }) => language === 'sh')
      .slice(-2)
      .map(({ text }) => text)
    assert.match(tests, /^npm run backends -- up postgres\n/)
    const withoutStart = tests.slice(tests.indexOf('\n'))
    assert.match(
      await copy.execute('bash', ['-e', '-c', withoutStart], { ENGINE_POSTGRES: server }),
      /pass [1-9]/,
    )
    const url = /'(postgres:.*)'/.exec(use)?.[1] ?? ''
    const done = await copy.execute('bash', ['-e', '-c', use.replace(url, freshDatabaseOn(server))])
    assert.match(done, /0001-create-[\s\S]*The tables of \w+ are up to date/)
  })

  test('A made service is migrated by command, and starts on PostgreSQL', async (t) => {
    const prefix = name.toUpperCase()
    const settings = {
      DATA_DIR: dataFolder(t),
      [`${prefix}_DATABASE_URL`]: freshDatabaseOn(server),
      [`${prefix}_PORT`]: '0',
    }
    const migrated = await copy.execute('node', ['quintet.ts', 'migrate', 'up', name], settings)
    assert.match(migrated, new RegExp(`^${name}: applied 0001-`))
    const quintet = run(t, ['quintet.ts', 'start', name], settings, copy.folder)
    const url = `${await quintet.address(name)}/api/${name}`
    const created = await call('POST', url, { title: 'Metropolis', description: '' })
    assert.equal(created?.status, 201, JSON.stringify(created?.body))
    assert.deepEqual((await call('GET', url))?.body, [created?.body])
  })
}
