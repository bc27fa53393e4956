import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { engineNames } from '../src/index.ts'

const cli = new URL('../src/cli.ts', import.meta.url).pathname

test('Without a command, and with help, it prints every command and every engine', () => {
  for (const words of [[], ['help'], ['--help'], ['up', '-h']]) {
    const { status, stdout } = backends(...words)
    assert.equal(status, 0)
    for (const word of ['up', 'status', 'down', 'env', ...engineNames])
      assert.match(stdout, new RegExp(`\\b${word}\\b`))
  }
})

test('It ends quietly when the reader of its output is gone', async () => {
  const child = spawn(process.execPath, [cli, 'help'], { stdio: ['ignore', 'pipe', 'pipe'] })
  child.stdout.destroy()
  let complaints = ''
  child.stderr.on('data', (chunk) => {
    complaints += chunk
  })
  assert.deepEqual(await once(child, 'close'), [0, null])
  assert.equal(complaints, '')
})

test('An unknown command, option or engine is rejected with those that exist', () => {
  for (const [words, message] of [
    [['upp'], /"upp" is not a command/],
    [['constructor'], /"constructor" is not a command/],
    [['up', '--fast'], /--fast/],
    [['up', 'redis', 'oracle', 'db2'], /There is no engine oracle, db2; there are postgres, mysql,/],
  ] as const) {
    const { status, stderr, stdout } = backends(...words)
    assert.equal(status, 1)
    assert.equal(stdout, '')
    assert.match(stderr, message)
    assert.doesNotMatch(stderr, /\n {4}at /)
  }
})

test('status prints a line for each given engine, in a fixed order, whether it is up or not', () => {
  const { stdout, status } = backends('status', 'redis', 'postgres')
  const lines = stdout.trimEnd().split('\n')
  assert.match(lines[0] ?? '', /^postgres +(up: postgres:\/\/|not up: )/)
  assert.match(lines[1] ?? '', /^redis +(up: redis:\/\/|not up: )/)
  assert.equal(lines.length, 2)
  assert.equal(status, lines.every((line) => / up: /.test(line) && !/not up/.test(line)) ? 0 : 1)
})

test('env fails unless each of the given engines is up, and prints nothing of the others', () => {
  const { stdout, status } = backends('env', 'redis')
  const isUp = !stdout.includes('# redis is not up: npm run backends -- up redis')
  assert.equal(stdout.includes('CACHE_URL='), isUp)
  assert.equal(status, isUp ? 0 : 1)
  assert.doesNotMatch(stdout, /kafka|postgres/)
})

function backends(...words: readonly string[]) {
  return spawnSync(process.execPath, [cli, ...words], { encoding: 'utf8' })
}
