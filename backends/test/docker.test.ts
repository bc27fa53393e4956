import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { composeDown, composeRunning, composeUp, isDockerAvailable } from '../src/docker.ts'

/** A script replaces Docker, which is not available where these tests run. */

test('Docker is available only if its daemon responds and the Compose plugin is installed', async (t) => {
  putDocker(t, 'exit 0')
  assert.equal(await isDockerAvailable(), true)
  putDocker(t, '[ "$1" = compose ]')
  assert.equal(await isDockerAvailable(), false)
  putDocker(t, '[ "$1" = info ]')
  assert.equal(await isDockerAvailable(), false)
})

test('An engine is started from the Compose file until it is healthy, and its volume is removed only on request', async (t) => {
  const calls = putDocker(t, 'exit 0')
  await composeUp('redis')
  await composeDown('mysql', false)
  await composeDown('mysql', true)
  const file = new URL('../compose.yaml', import.meta.url).pathname
  assert.deepEqual(calls(), [
    `compose --file ${file} up --detach --wait --quiet-pull redis`,
    `compose --file ${file} rm --stop --force mysql`,
    `compose --file ${file} rm --stop --force mysql`,
    'volume rm --force quintet-backends_mysql',
  ])
})

test('A container that does not become healthy is reported with the end of its log', async (t) => {
  putDocker(
    t,
    'case "$*" in *logs*) echo "redis | out of memory" ;; *) echo "redis is unhealthy" >&2; exit 1 ;; esac',
  )
  await assert.rejects(composeUp('redis'), /redis is unhealthy\nredis \| out of memory/)
})

test('Running containers are listed by the names of their engines', async (t) => {
  putDocker(t, 'echo redis; echo kafka')
  assert.deepEqual((await composeRunning()).filter(Boolean), ['redis', 'kafka'])
})

/** Puts a script into PATH as `docker`; the function returns the arguments of its calls. */
function putDocker(t: TestContext, script: string): () => string[] {
  const folder = mkdtempSync(join(tmpdir(), 'quintet-docker-'))
  const record = join(folder, 'calls')
  writeFileSync(join(folder, 'docker'), `#!/bin/sh\necho "$*" >> ${record}\n${script}\n`, { mode: 0o755 })
  const path = process.env.PATH
  process.env.PATH = `${folder}${delimiter}${path}`
  t.after(() => {
    process.env.PATH = path
    rmSync(folder, { recursive: true, force: true })
  })
  return () => readFileSync(record, 'utf8').trimEnd().split('\n')
}
