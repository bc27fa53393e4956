import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import {
  ConfigError,
  describeConfig,
  engineUrl,
  faultsOf,
  httpUrl,
  loadConfig,
  port,
  settingNamesOf,
  unknownSettings,
} from '@quintet/chassis/config'
import type { Settings } from '@quintet/chassis/config'
import { settingsOf } from '@quintet/chassis/testing/settings'
import { Type } from 'typebox'

const description = 'What it is for.'
const schema = Type.Object({
  A_PORT: port(1, description),
  A_URL: engineUrl({ default: 'sqlite:{A_NAME}.db', schemes: ['sqlite:', 'postgres:'], description }),
  A_NAME: Type.String({ default: 'a', description }),
  A_SECRET: Type.String({
    default: '',
    secret: true,
    pattern: '^(.{4,})?$',
    expected: 'a text of at least 4 characters',
    description,
  }),
  A_HOOK: httpUrl({
    default: '',
    pattern: '^(https://.+)?$',
    expected: 'a URL that starts with https://',
    hasSecretPath: true,
    description,
  }),
})

/** A function that writes a file and returns its path. */
function filesOf(t: TestContext): (content: string | Uint8Array) => string {
  const folder = mkdtempSync(join(tmpdir(), 'quintet-setting-'))
  t.after(() => rmSync(folder, { recursive: true }))
  let count = 0
  return (content) => {
    count += 1
    const path = join(folder, `${count}`)
    writeFileSync(path, content)
    return path
  }
}

test('Each setting that may hold a secret, and no other, can be given by a file', (t) => {
  const file = filesOf(t)
  assert.deepEqual(settingNamesOf(schema), [
    'A_PORT',
    'A_URL',
    'A_URL_FILE',
    'A_NAME',
    'A_SECRET',
    'A_SECRET_FILE',
    'A_HOOK',
    'A_HOOK_FILE',
  ])
  const settings = settingsOf({
    A_PORT_FILE: file('2'),
    A_NAME_FILE: file('b'),
    A_URL_FILE: file('postgres://user:password@host/db\n'),
    A_SECRET_FILE: file('correct horse\r\n'),
    A_HOOK_FILE: file('https://host/token'),
  })
  assert.deepEqual(loadConfig(schema, settings), {
    A_PORT: 1,
    A_URL: 'postgres://user:password@host/db',
    A_NAME: 'a',
    A_SECRET: 'correct horse',
    A_HOOK: 'https://host/token',
  })
})

test('One line break at the end and a byte order mark at the beginning are no part of the value, and all else is', (t) => {
  const file = filesOf(t)
  for (const [content, value] of [
    ['\uFEFFword\n', 'word'],
    ['word\n\n', 'word\n'],
    ['  word ', '  word '],
    ['two\nlines', 'two\nlines'],
  ] as const)
    assert.equal(
      loadConfig(Type.Object({ A: secret }), settingsOf({ A_FILE: file(content) })).A,
      value,
      JSON.stringify(content),
    )
})
const secret = Type.String({ default: '', secret: true, description })

test('All wrong files are reported together with all other wrong settings, by setting and file, and nothing of them is shown', (t) => {
  const file = filesOf(t)
  const [short, hook] = [file('abc'), file('ftp://hidden')]
  const wrong = [
    ['/nowhere/secret', 'does not exist: it must be a file with the value of A_URL'],
    [tmpdir(), 'is a folder: it must be a file with the value of A_URL'],
    ['/dev/zero', 'is not a file: it must be a file with the value of A_URL'],
    [file(''), 'is empty'],
    [file('\n'), 'is empty'],
    [
      file(new Uint8Array(65_537).fill(97)),
      'has more than 65536 bytes: it must be a file with the value of A_URL',
    ],
    [file(new Uint8Array([0xff, 0xfe])), 'is not UTF-8'],
  ]
  for (const [path = '', fault] of wrong) {
    const settings = settingsOf({ A_PORT: 'x', A_URL_FILE: path, A_SECRET_FILE: short, A_HOOK_FILE: hook })
    assert.throws(() => loadConfig(schema, settings), ConfigError)
    assert.deepEqual(faultsOf(schema, settings), [
      'A_PORT must be an integer from 0 to 65535, but is "x" (from the environment).',
      `A_URL_FILE, ${path}, ${fault}.`,
      `A_SECRET must be a text of at least 4 characters, but what is in ${short} is not (A_SECRET_FILE).`,
      `A_HOOK must be a URL that starts with https://, but what is in ${hook} is not (A_HOOK_FILE).`,
    ])
    const shown = JSON.stringify(describeConfig(schema, settings))
    assert.ok(!/abc|hidden/.test(shown))
  }
})

test('A setting that is named as the file of another one is a mistake of the program', () => {
  const mistaken = Type.Object({ A: secret, A_FILE: Type.String({ default: '', description }) })
  assert.throws(() => loadConfig(mistaken, settingsOf({})), /A_FILE is a setting of its own/)
})

test('A setting that is given both as it is and by a file is refused, wherever each is from', (t) => {
  const path = filesOf(t)('correct horse')
  const settings: Settings = new Map([
    ['A_SECRET', { value: 'battery staple', source: '.env' }],
    ['A_SECRET_FILE', { value: path, source: 'environment' }],
  ])
  assert.deepEqual(faultsOf(schema, settings), [
    'A_SECRET and A_SECRET_FILE are both set; remove one of them.',
  ])
})

test('A value from a file is shown with the file as its source, and without its secrets', (t) => {
  const file = filesOf(t)
  const [url, key] = [file('postgres://user:hidden@host/db'), file('hidden key')]
  const settings = settingsOf({ A_URL_FILE: url, A_SECRET_FILE: key })
  const shown = describeConfig(schema, settings).filter(({ source }) => source !== 'default')
  assert.deepEqual(
    shown.map(({ name, value, source, isValid }) => [name, value, source, isValid]),
    [
      ['A_URL', 'postgres://user:[redacted]@host/db', `file ${url}`, true],
      ['A_SECRET', '[redacted]', `file ${key}`, true],
    ],
  )
})

test('A file is read once for the settings of a start, so that all that is opened has the same value', (t) => {
  const path = filesOf(t)('correct horse')
  const settings = settingsOf({ A_SECRET_FILE: path })
  assert.equal(loadConfig(schema, settings).A_SECRET, 'correct horse')
  writeFileSync(path, 'battery staple')
  assert.equal(loadConfig(schema, settings).A_SECRET, 'correct horse')
  assert.equal(loadConfig(schema, settingsOf({ A_SECRET_FILE: path })).A_SECRET, 'battery staple')
})

test('A file for a setting that is no secret is reported, since it would be ignored', () => {
  const { others } = unknownSettings(['HOST', 'GUID_PORT'], settingsOf({ HOST_FILE: 'x' }), ['GUID'])
  assert.deepEqual(others, ['HOST_FILE is not a setting; did you mean HOST?'])
})

test('What is wrong with the line of .env that names the file is reported once', (t) => {
  const settings: Settings = new Map([['A_SECRET_FILE', { value: filesOf(t)('abc'), source: '.env' }]])
  const ofFile = [{ sentence: 'Line 1 of .env is wrong.', setting: 'A_SECRET_FILE' }]
  assert.deepEqual(faultsOf(schema, settings, ofFile), [])
  assert.equal(faultsOf(schema, settings).length, 1)
})
