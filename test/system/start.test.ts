import assert from 'node:assert/strict'
import { existsSync, globSync, statSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { join, relative } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'

/** The packages of all modules that this process loads from here on, so the imports below are dynamic. */
const loaded = new Set<string>()
registerHooks({
  load(url, context, nextLoad) {
    const [, name] = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url) ?? []
    if (name !== undefined) loaded.add(name)
    return nextLoad(url, context)
  },
})
const { createLogger } = await import('@quintet/chassis/telemetry')
const { serviceNames } = await import('@quintet/contracts/topology')
const { services } = await import('../../topology.ts')
const { dataFolder, root, run } = await import('./processes.ts')

const drivers = [
  'pg',
  'mysql2',
  'mongodb',
  '@aws-sdk/client-dynamodb',
  '@redis/client',
  'amqplib',
  '@platformatic/kafka',
]
const documentation = ['@fastify/swagger', 'yaml']
const compilersOfFastify = ['@fastify/ajv-compiler', '@fastify/fast-json-stringify-compiler']

test('On embedded storage no service loads a driver, and the documentation is loaded when it is requested', async (t) => {
  const settings = new Map([['DATA_DIR', { value: dataFolder(t), source: 'environment' }] as const])
  const logger = createLogger({ service: 'test', level: 'silent' })
  for (const name of serviceNames) {
    const app = await services[name].createApp(settings, { logger })
    t.after(() => app.close())
    assert.equal((await app.inject('/health/live')).statusCode, 200, name)
  }
  const needless = [...drivers, ...documentation, ...compilersOfFastify].filter((name) => loaded.has(name))
  assert.deepEqual(needless, [])

  const app = await services.inventory.createApp(settings, { logger })
  t.after(() => app.close())
  assert.equal((await app.inject('/openapi.json')).statusCode, 200)
  for (const name of documentation) assert.ok(loaded.has(name), `${name} has another name now`)
})

test('Each program stores what it compiles where its next start finds all of it', async (t) => {
  const cache = dataFolder(t)
  const settings = { XDG_CACHE_HOME: cache, DATA_DIR: dataFolder(t) }
  // The second program finds what both load, and stores the rest.
  const programs = [
    { words: ['services/guid/src/main.ts'], modulesMin: 500 },
    { words: ['quintet.ts', 'start', 'guid'], modulesMin: 100 },
  ]
  for (const { words, modulesMin } of programs) {
    const before = writesBelow(cache)
    await startAndStop(t, words, settings)
    const stored = writesBelow(cache)
    const count = stored.length - before.length
    assert.ok(count > modulesMin, `only ${count} modules of ${words[0]} were stored`)
    await startAndStop(t, words, settings)
    assert.deepEqual(writesBelow(cache), stored)
  }
})

test('Only the start that applies migrations loads them', async (t) => {
  const hook = `import { registerHooks } from 'node:module'
    registerHooks({ load(url, context, next) {
      if (/kysely.dist.migration.index|.migrations.[0-9]{4}-/.test(url)) process.stdout.write('loaded ' + url + '\\n')
      return next(url, context)
    } })`
  const words = [`--import=data:text/javascript,${encodeURIComponent(hook)}`, 'services/guid/src/main.ts']
  const settings = { DATA_DIR: dataFolder(t) }
  const migrationsLoaded: number[] = []
  for (let start = 1; start <= 2; start += 1) {
    const guid = run(t, words, settings)
    await guid.address('guid')
    assert.equal(await guid.kill('SIGTERM'), 0)
    migrationsLoaded.push(guid.output().match(/^loaded /gm)?.length ?? 0)
  }
  const [first = 0, second] = migrationsLoaded
  assert.ok(first > 5, String(first))
  assert.equal(second, 0)
})

for (const words of [['quintet.ts', 'start', 'guid'], ['services/guid/src/main.ts']])
  test(`${words[0]} has the same data when it is started from another folder`, async (t) => {
    const folder = dataFolder(t)
    // Relative paths are relative to the repository.
    const settings = { DATA_DIR: relative(root, folder) }
    const [file = '', ...others] = words
    const started = run(t, [join(root, file), ...others], settings, join(root, 'services', 'guid'))
    await started.address('guid')
    assert.equal(await started.kill('SIGTERM'), 0)
    assert.ok(existsSync(join(folder, 'guid.db')))
  })

for (const words of [['quintet.ts', 'start', 'guid'], ['services/guid/src/main.ts']])
  test(`${words[0]} does not start with a setting that promises protection and does not exist`, async (t) => {
    const settings = { DATA_DIR: dataFolder(t), BASIC_AUTH: 'x', GUID_TLS_CERT_FILE: 'x', LOG_LEVEL: 'loud' }
    const started = run(t, words, settings)
    await assert.rejects(started.address('guid'))
    assert.equal(started.child.exitCode, 1)
    for (const sentence of [
      /^BASIC_AUTH is not a setting/m,
      /^GUID_TLS_CERT_FILE is not/m,
      /^LOG_LEVEL must be/m,
    ])
      assert.match(started.output(), sentence)
  })

for (const name of serviceNames)
  test(`${name} alone ends with a sentence where its audit log cannot be written`, {
    skip: process.platform !== 'linux' && 'only Linux has /proc',
  }, async (t) => {
    const settings = { DATA_DIR: dataFolder(t), AUDIT_LOG: '/proc/absent/audit.log' }
    const started = run(t, [`services/${name}/src/main.ts`], settings)
    await assert.rejects(started.address(name))
    assert.equal(started.child.exitCode, 1)
    assert.match(started.output(), /audit/)
    assert.doesNotMatch(started.output(), /at .*\.ts:\d+/)
  })

test('A signal to npm start ends the system, and leaves no process behind', {
  skip: process.platform === 'win32' && 'Windows has no signals',
}, async (t) => {
  const npm = run(t, ['start', 'guid'], { DATA_DIR: dataFolder(t) }, root, 'npm')
  const address = await npm.address('guid')
  t.after(() => endGroup(npm.child.pid))
  await npm.kill('SIGTERM')
  await assert.rejects(fetch(`${address}/health/live`))
})

function endGroup(leader: number | undefined): void {
  try {
    if (leader !== undefined) process.kill(-leader, 'SIGKILL')
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}

async function startAndStop(t: TestContext, words: readonly string[], settings: Record<string, string>) {
  const process = run(t, words, settings)
  await process.address('guid')
  assert.equal(await process.kill('SIGTERM'), 0)
}

/** The files of a folder with the times of their last change. */
function writesBelow(folder: string): string[] {
  const files = globSync('**/*', { cwd: folder }).sort()
  return files.map((file) => `${file} ${statSync(join(folder, file)).mtimeMs}`)
}
