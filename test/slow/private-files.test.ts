import assert from 'node:assert/strict'
import { chmodSync, globSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { until } from '@quintet/chassis/testing'
import { call, dataFolder, run } from '../system/processes.ts'

const skip = process.platform === 'win32' && 'Windows has no such modes'

test('Only the owner can read what the services write, whatever the umask, and what was there is restricted at the start', {
  skip,
}, async (t) => {
  process.umask(0)
  const above = join(dataFolder(t), 'new')
  const DATA_DIR = join(above, 'data')
  const first = run(t, ['quintet.ts', 'start'], { DATA_DIR })
  await use(await first.address('gateway'))
  assert.deepEqual(modesOf(above), ['0700'])
  assert.deepEqual(modesBelow(DATA_DIR), privateModes)
  await first.kill('SIGKILL')
  for (const { path, isFolder } of pathsBelow(DATA_DIR)) chmodSync(path, isFolder ? 0o777 : 0o666)

  const second = run(t, ['quintet.ts', 'start'], { DATA_DIR })
  await use(await second.address('gateway'))
  assert.deepEqual(modesBelow(DATA_DIR), privateModes)
})

test('The gateway alone restricts a data folder that exists, and the files in it', { skip }, async (t) => {
  const DATA_DIR = dataFolder(t)
  const words = ['services/gateway/src/main.ts']
  const first = run(t, words, { DATA_DIR })
  const { href } = new URL('/health/ready', await first.address('gateway'))
  await until(async () => (await fetch(href)).ok)
  await first.kill('SIGKILL')
  for (const path of [DATA_DIR, ...globSync('**/*', { cwd: DATA_DIR }).map((name) => join(DATA_DIR, name))])
    chmodSync(path, statSync(path).isDirectory() ? 0o777 : 0o666)
  const gateway = await run(t, words, { DATA_DIR }).address('gateway')
  // It opens its queue after it listens.
  await until(async () => (await fetch(`${gateway}/health/ready`)).ok)
  assert.deepEqual(modesOf(DATA_DIR), ['0700'])
  assert.deepEqual(modesOf(join(DATA_DIR, 'queue.db')), ['0600'])
})

const privateModes = ['0600', '0700']

/** Writes to every database and to the queue. */
async function use(gateway: string): Promise<void> {
  await call('POST', `${gateway}/guid`, { user: 'ada' })
  await call('POST', `${gateway}/accounts`, { cash: 1 })
  await call('POST', `${gateway}/api/movies`, { title: 'M', description: '' })
  await call('POST', `${gateway}/users`, { name: 'Ada', email: 'ada@example.com', password: 'x' })
  const order = { user_id: '1', number_of_items: '1', total_amount: '1' }
  assert.equal((await call('POST', `${gateway}/api/billing`, order))?.status, 200)
}

function pathsBelow(folder: string): { path: string; isFolder: boolean }[] {
  const paths = [folder, ...globSync('**/*', { cwd: folder }).map((name) => join(folder, name))]
  assert.ok(paths.some((path) => path.endsWith('-wal')) && paths.some((path) => path.endsWith('.key')))
  return paths.map((path) => ({ path, isFolder: statSync(path).isDirectory() }))
}

/** The modes of all files and folders, each once. */
function modesBelow(folder: string): string[] {
  const paths = pathsBelow(folder).map(({ path }) => path)
  return [...new Set(paths.flatMap(modesOf))].sort()
}

function modesOf(path: string): string[] {
  return [`0${(statSync(path).mode & 0o7777).toString(8)}`]
}
