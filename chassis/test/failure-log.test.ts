import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createFailureLog } from '@quintet/chassis/telemetry'
import { withoutSecrets } from '../src/telemetry/secrets.ts'
import { createLines } from './log-lines.ts'

const texts = { failing: 'it fails: mend it', recovered: 'it works again', details: { queue: 'q' } }

test('Work that fails again and again has one line, and one when it succeeds', () => {
  const { logger, lines } = createLines()
  const log = createFailureLog(logger, texts)
  for (let i = 0; i < 1_000; i += 1) log.failed(new Error(`reason ${i}`), { attempt: i })
  for (let i = 0; i < 1_000; i += 1) log.succeeded()
  const shown = lines.map(({ level, msg, queue, reason, attempt }) => ({
    level,
    msg,
    queue,
    reason,
    attempt,
  }))
  assert.deepEqual(shown, [
    { level: 'warn', msg: 'it fails: mend it', queue: 'q', reason: 'reason 0', attempt: 0 },
    { level: 'info', msg: 'it works again', queue: 'q', reason: undefined, attempt: undefined },
  ])
})

test('Work that fails and succeeds in turns has two lines a minute at most, and its last failure is logged', () => {
  const { logger, lines } = createLines()
  let now = 0
  const log = createFailureLog(logger, texts, () => now)
  for (; now < 120_000; now += 100) {
    log.failed(new Error('reason'))
    log.succeeded()
  }
  assert.equal(lines.length, 4)
  log.failed(new Error('for good'))
  assert.equal(lines.at(-1)?.reason, 'for good')
})

test('What has no better state has one line a minute', () => {
  const { logger, lines } = createLines()
  let now = 0
  const log = createFailureLog(logger, { failing: 'a dead letter' }, () => now)
  for (; now < 120_000; now += 1_000) {
    log.failed('lost')
    log.succeeded()
  }
  assert.deepEqual(
    lines.map(({ msg }) => msg),
    ['a dead letter', 'a dead letter'],
  )
})

test('A reason has what the cause adds, and a bounded length', () => {
  const { logger, lines } = createLines()
  createFailureLog(logger, texts).failed(new Error('no answer', { cause: new Error('refused') }))
  createFailureLog(logger, texts).failed('x'.repeat(10_000))
  assert.equal(lines[0]?.reason, 'no answer (refused)')
  assert.equal(String(lines[1]?.reason).length, 500)
})

test('No part of a password or token of a URL is in a line, whatever characters it has and whatever is around the URL', () => {
  // Letters that are in nothing else that is logged.
  const character = fc.constantFrom(...'ZQXJVKZQXJVKZQXJVK"\\\'`@:/?#;=%{}[]<>|^,.!$()*+~é\u{1f511}')
  const secret = fc
    .array(character, { minLength: 4, maxLength: 24 })
    .map((characters) => characters.join(''))
    .filter((text) => !text.includes('://') && /[ZQXJVK]/.test(text))
  const url = fc.oneof(
    secret.map((text) => [`postgres://ada:${text}@host:5432/db`, text]),
    secret.map((text) => [`redis://:${text}@host`, text]),
    secret.map((text) => [
      `amqps://ada:${encodeURIComponent(text)}@host/v?heartbeat=5`,
      encodeURIComponent(text),
    ]),
    secret
      .filter((text) => !text.includes('&'))
      .map((text) => [`kafka://a:1,b:2/prefix?sasl=plain&password=${text}`, text]),
  )
  const around = fc.constantFrom(['', ''], ['connect to "', '" failed'], ['{"url":"', '"}'], ["a\n'", "'\n"])
  fc.assert(
    fc.property(url, around, ([text = '', value = ''], [before = '', after = '']) => {
      const { logger, lines } = createLines()
      const message = `${before}${text}${after}`
      createFailureLog(logger, texts).failed(new Error(message))
      logger.error(
        { err: new Error('outer', { cause: new Error(message) }), settings: { url: text } },
        message,
      )
      assert.equal(lines.length, 2)
      const logged = JSON.stringify(lines) + lines.map(({ msg, reason }) => `${msg} ${reason}`).join()
      for (let at = 0; at + 4 <= value.length; at += 1) {
        const part = value.slice(at, at + 4)
        if (/[ZQXJVK]/.test(part)) assert.ok(!logged.includes(part), `${part} of ${text} in ${logged}`)
      }
    }),
    { numRuns: 300 },
  )
})

const secrets: ReadonlyArray<[url: string, shown: string]> = [
  ['amqp://ada:p%40ss@host:5672/v', 'amqp://ada:[redacted]@host:5672/v'],
  ['redis://:hunter2@host', 'redis://:[redacted]@host'],
  ['https://t0ken@host/path', 'https://[redacted]@host/path'],
  ['postgres://ada:p@ss/w:rd@host/db', 'postgres://ada:[redacted]@host/db'],
  ['https://host/hook?token=t0ken&id=1', 'https://host/hook?token=[redacted]&id=1'],
  [
    'https://host/?api_key=t0ken#access_token=t0ken',
    'https://host/?api_key=[redacted]#access_token=[redacted]',
  ],
  [
    'kafka://a:1,b:2/prefix?sasl=plain&Password=hunter2',
    'kafka://a:1,b:2/prefix?sasl=plain&Password=[redacted]',
  ],
  ['http://host:80/a:b', 'http://host:80/a:b'],
  ['ada@example.com', 'ada@example.com'],
]

test('A text that only begins like JSON has no secret either', () => {
  for (const [url, shown] of secrets)
    for (const text of ['{ connect to TEXT failed', '{"url": TEXT', '{"url": "\\q TEXT ', '{} TEXT'])
      assert.equal(
        withoutSecrets(text.replace('TEXT', () => url)),
        text.replace('TEXT', () => shown),
      )
})

for (const [url, shown] of secrets)
  test(`Whatever logs ${url}, its secret is in no line`, () => {
    const { logger, lines } = createLines()
    createFailureLog(logger, texts).failed(new Error(`connect to "${url}" failed`))
    logger.error({ err: new Error('outer', { cause: new Error(`no answer from ${url}`) }) }, `at ${url}`)
    assert.equal(lines[0]?.reason, `connect to "${shown}" failed`)
    assert.equal(lines[1]?.msg, `at ${shown}`)
    for (const secret of ['hunter2', 't0ken', 'p%40ss', 'p@ss'])
      assert.ok(!JSON.stringify(lines).includes(secret))
  })
