import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { engines } from '../src/engines.ts'
import { startPrivateEngine } from '../src/index.ts'

/** With Redis, which starts fastest; skipped with the reason where its package is not installed. */
const skip =
  engines.redis.missingPackages().length > 0 && 'Redis is not installed: run npm run backends -- up redis'
const pingsMax = 10_000
const startTimeoutMs = 30_000
const ping = (url: string) => engines.redis.ping(new URL(url))

test('A private engine responds at its URL until it is disposed of', { skip }, async () => {
  const engine = await startPrivateEngine('redis')
  await ping(engine.url)
  await engine.dispose()
  await assert.rejects(ping(engine.url), /cannot be reached/)
})

test('A private engine that was killed or stopped restarts at the same URL', { skip }, async () => {
  const engine = await startPrivateEngine('redis')
  for (const end of [engine.kill, engine.stop]) {
    await end()
    await assert.rejects(ping(engine.url), /cannot be reached/)
    await engine.restart()
    await ping(engine.url)
  }
  await engine.dispose()
})

test('A paused private engine does not respond until it is resumed', { skip }, async () => {
  const engine = await startPrivateEngine('redis')
  engine.pause()
  await assert.rejects(ping(engine.url), /does not respond/)
  engine.resume()
  await ping(engine.url)
  engine.pause()
  await engine.dispose()
  await assert.rejects(ping(engine.url), /cannot be reached/)
})

test('Two private instances of one engine are independent', { skip }, async () => {
  const [one, other] = await Promise.all([startPrivateEngine('redis'), startPrivateEngine('redis')])
  assert.notEqual(one.url, other.url)
  await one.kill()
  await ping(other.url)
  await Promise.all([one.dispose(), other.dispose()])
})

test('A private engine ends with the process that started it, even if that is killed', {
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
    (await once(child.stdout, 'data', { signal: AbortSignal.timeout(startTimeoutMs) }))[0],
  ).trim()
  await ping(url)
  child.kill('SIGKILL')
  await once(child, 'exit')
  // The kernel kills it shortly after its parent.
  await assert.rejects(async () => {
    for (let pings = 0; pings < pingsMax; pings++) await ping(url)
  }, /cannot be reached|closes the connection/)
})
