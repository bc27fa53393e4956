import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { environmentLines } from '../src/environment.ts'
import { engineNames } from '../src/index.ts'
import type { EngineName } from '../src/index.ts'

test('The lines, evaluated by a shell, set the URL of each engine that is up', () => {
  const environment = evaluated(engineNames)
  assert.equal(environment.ENGINE_REDIS, 'redis://127.0.0.1:16379')
  assert.equal(
    environment.ENGINE_DYNAMODB,
    'dynamodb://local:local@127.0.0.1:18000/quintet?region=us-east-1&tls=false',
  )
  for (const name of engineNames) assert.ok(environment[`ENGINE_${name.toUpperCase()}`], name)
})

test('Each setting of Quintet has the URL of its engine', () => {
  const environment = evaluated(engineNames)
  assert.match(environment.GUID_DATABASE_URL ?? '', /^postgres:.*\/guid_db$/)
  assert.match(environment.INVENTORY_DATABASE_URL ?? '', /^postgres:.*\/movies_db$/)
  assert.match(environment.BILLING_DATABASE_URL ?? '', /^postgres:.*\/orders_db$/)
  assert.match(environment.BROKERAGE_DATABASE_URL ?? '', /^dynamodb:.*\/brokerage\?/)
  assert.match(environment.CACHE_URL ?? '', /^redis:/)
  assert.match(environment.QUEUE_URL ?? '', /^amqp:/)
  assert.match(environment.CERTIFICATES_QUEUE_URL ?? '', /^amqp:/)
  assert.match(environment.EVENTS_URL ?? '', /^kafka:/)
})

test('The key of certificates is the same each time', () => {
  const { CERTIFICATES_KEY = '' } = evaluated(engineNames)
  assert.match(CERTIFICATES_KEY, /^[0-9a-f]{64}$/)
  assert.equal(evaluated(engineNames).CERTIFICATES_KEY, CERTIFICATES_KEY)
})

test('Nothing is set for an engine that is not up; a comment says how to start it', () => {
  const environment = evaluated(['redis'])
  assert.deepEqual(
    Object.keys(environment).filter((name) => /URL|ENGINE/.test(name)),
    ['ENGINE_REDIS', 'CACHE_URL'],
  )
  assert.ok(environmentLines(new Set(['redis'])).includes('# kafka is not up: npm run backends -- up kafka'))
  assert.equal(evaluated([]).CERTIFICATES_KEY, undefined)
})

function evaluated(up: readonly EngineName[]): NodeJS.Dict<string> {
  const script = `${environmentLines(new Set(up)).join('\n')}\nenv -0`
  const printed = execFileSync('/bin/sh', ['-c', script], {
    env: { PATH: process.env.PATH },
    encoding: 'utf8',
  })
  return Object.fromEntries(
    printed
      .split('\0')
      .filter((line) => line !== '')
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  )
}
