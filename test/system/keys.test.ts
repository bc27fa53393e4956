import assert from 'node:assert/strict'
import { chownSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { dataFolder, run } from './processes.ts'

/** Runs `quintet keys` to its end, on a file of the test's own. */
function openWorld(t: TestContext) {
  const file = join(dataFolder(t), 'keys', 'api-keys.jsonl')
  const keys = async (...words: string[]) => {
    const command = run(t, ['quintet.ts', 'keys', ...words], { API_KEYS_FILE: file })
    await assert.rejects(command.address('never'))
    return { code: command.child.exitCode, output: command.output() }
  }
  return { file, keys }
}

test('quintet keys makes a key that it prints once, lists it without the key, and revokes it', async (t) => {
  const { file, keys } = openWorld(t)
  const added = await keys('add', 'ci', '--scopes', 'movies:read,movies:write', '--plan', 'gold')
  assert.equal(added.code, 0)
  const [key = ''] = /^qk_ci_[\w-]{43}$/m.exec(added.output) ?? []
  assert.ok(key !== '', added.output)
  assert.ok(!readFileSync(file, 'utf8').includes(key))
  assert.equal(statSync(file).mode & 0o077, 0)
  await keys(
    'add',
    'other',
    '--scopes',
    'guid:read',
    '--expires',
    '2027-01-01T00:00Z',
    '--allow',
    '10.0.0.0/8',
  )
  const { output } = await keys('list')
  assert.match(output, /^ci +gold +- +- +movies:read,movies:write$/m)
  assert.match(output, /^other +- +2027-01-01T00:00Z +10\.0\.0\.0\/8 +guid:read$/m)
  assert.deepEqual(await keys('revoke', 'ci'), { code: 0, output: 'ci has been revoked.\n' })
  assert.doesNotMatch((await keys('list')).output, /^ci /m)
})

test('A file that root changes stays readable for the user whose folder it is in', {
  skip: process.getuid?.() !== 0 && 'only root can give files away',
}, async (t) => {
  const { file, keys } = openWorld(t)
  chownSync(join(file, '..', '..'), 65_534, 65_534)
  await keys('add', 'ci', '--scopes', 'guid:read')
  assert.equal(statSync(file).uid, 65_534)
  assert.equal((await keys('revoke', 'ci')).code, 0)
  assert.equal(statSync(file).uid, 65_534)
})

for (const [words, sentence] of [
  [['add', 'CI', '--scopes', 'guid:read'], /^The id must be 1 to 63 lower-case letters/],
  [['add', 'ci'], /^--scopes is needed; there are guid:read,/],
  [
    ['add', 'ci', '--scopes', 'movie:read'],
    /^--scopes has "movie:read", which is no scope; there are guid:read,/,
  ],
  [
    ['add', 'ci', '--scopes', 'guid:read', '--allow', 'x'],
    /^--allow must be addresses and networks with commas between them, such as 10\.0\.0\.0\/8\.$/m,
  ],
  [
    ['add', 'CI', '--plan', 'a b', '--expires', 'soon', '--allow', 'x', '--scopes', 'movie:read,x,guid:read'],
    /^The id must be .*\n--plan must be .*\n--expires must be .*\n--allow must be .*\n--scopes has "movie:read", "x", which are no scopes; .*\n\n/,
  ],
  [
    ['add', '--expires', 'soon'],
    /^quintet keys add needs one id\.\n--expires must be .*\n--scopes is needed; .*\n\n/,
  ],
  [['revoke', 'ci'], /api-keys\.jsonl has no key with the id ci\.$/m],
] as const)
  test(`quintet keys ${words.join(' ')} is refused, and changes nothing`, async (t) => {
    const { file, keys } = openWorld(t)
    const { code, output } = await keys(...words)
    assert.equal(code, 1)
    assert.match(output, sentence)
    assert.ok(!existsSync(file) && !existsSync(`${file}.draft`))
  })

test('An id that is there already, a broken file and a change in progress are refused', async (t) => {
  const { file, keys } = openWorld(t)
  await keys('add', 'ci', '--scopes', 'guid:read')
  const before = readFileSync(file, 'utf8')
  assert.match((await keys('add', 'ci', '--scopes', 'guid:read')).output, /has a key with the id ci already/)
  assert.equal(readFileSync(file, 'utf8'), before)
  writeFileSync(`${file}.draft`, '')
  assert.match((await keys('revoke', 'ci')).output, /another change is in progress, or has failed/)
  writeFileSync(file, '{}\n')
  assert.match((await keys('list')).output, /is not a file of API keys: line 1: id must be/)
})
