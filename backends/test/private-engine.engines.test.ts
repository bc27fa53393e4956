import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { engines } from '../src/engines.ts'
import { startPrivateEngine } from '../src/index.ts'

/** Redis stands for all, since it starts at once; where its package is not installed, the reason is told. */
const skip =
  engines.redis.missingPackages().length > 0 && 'Redis is not installed: run npm run backends -- up redis'
const greetingsMax = 10_000
const startsWithinMs = 30_000
const greet = (url: string) => engines.redis.greet(new URL(url))

test('A private engine answers under its URL until it is disposed of', { skip }, async () => {
  const engine = await startPrivateEngine('redis')
  await greet(engine.url)
  await engine.dispose()
  await assert.rejects(greet(engine.url), /is not reached/)
})

test('A private engine comes back under its URL after it was killed or stopped', { skip }, async () => {
  const engine = await startPrivateEngine('redis')
  for (const end of [engine.kill, engine.stop]) {
    await end()
    await assert.rejects(greet(engine.url), /is not reached/)
    await engine.restart()
    await greet(engine.url)
  }
  await engine.dispose()
})

test('A private engine that pauses answers nothing until it resumes', { skip }, async () => {
  const engine = await startPrivateEngine('redis')
  engine.pause()
  await assert.rejects(greet(engine.url), /does not answer/)
  engine.resume()
  await greet(engine.url)
  engine.pause()
  await engine.dispose()
  await assert.rejects(greet(engine.url), /is not reached/)
})

test('Two private engines of a kind do not meet', { skip }, async () => {
  const [one, other] = await Promise.all([startPrivateEngine('redis'), startPrivateEngine('redis')])
  assert.notEqual(one.url, other.url)
  await one.kill()
  await greet(other.url)
  await Promise.all([one.dispose(), other.dispose()])
})

test('A private engine ends with the process that started it, even when that is killed', {
  skip,
}, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'quintet-private-'))
  chmodSync(folder, 0o755)
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const source = `
    import { startPrivateEngine } from ${JSON.stringify(new URL('../src/index.ts', import.meta.url).href)}
    process.stdout.write((await startPrivateEngine('redis')).url)
    setInterval(() => {}, 60_000)`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', source], {
    env: { ...process.env, TMPDIR: folder },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const url = String(
    (await once(child.stdout, 'data', { signal: AbortSignal.timeout(startsWithinMs) }))[0],
  ).trim()
  await greet(url)
  child.kill('SIGKILL')
  await once(child, 'exit')
  // The kernel ends it a moment after its parent.
  await assert.rejects(async () => {
    for (let greetings = 0; greetings < greetingsMax; greetings++) await greet(url)
  }, /is not reached|ends the connection/)
})
