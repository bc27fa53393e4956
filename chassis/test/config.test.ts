import assert from 'node:assert/strict'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import util from 'node:util'
import { Type } from 'typebox'
import type { TObject, TSchema } from 'typebox'
import {
  ConfigError,
  commonSettings,
  count,
  describeConfig,
  engineUrl,
  loadConfig,
  milliseconds,
  port,
  readSettings,
  unknownSettings,
} from '../src/config/index.ts'
import type { Settings } from '../src/config/index.ts'

const description = 'What it is for.'
const databaseUrl = engineUrl({
  default: 'sqlite:{DATA_DIR}/guid.db',
  schemes: ['sqlite:', 'postgres:'],
  description,
})

test('defaults apply where nothing is set', () => {
  const schema = Type.Object({ ...commonSettings, GUID_PORT: port(8888, description) })
  assert.deepEqual(loadConfig(schema, made({})), {
    HOST: '127.0.0.1',
    DATA_DIR: 'data',
    LOG_LEVEL: 'info',
    OPERATIONS_HOST: '127.0.0.1',
    OPERATIONS_PORT: '',
    RATE_LIMIT: 'off',
    RATE_LIMIT_URL: 'memory:',
    RATE_LIMIT_POLICIES:
      '"client";q=600;w=60;burst=200;by="address", "login";q=10;w=60;burst=5;by="address";on="login";degraded="closed", "account";q=20;w=60;burst=20;by="account";on="login";degraded="closed"',
    RATE_LIMIT_FILE: '',
    RATE_LIMIT_DEGRADED: 'local',
    RATE_LIMIT_REPLICAS: 1,
    RATE_LIMIT_IPV6_PREFIX: 64,
    RATE_LIMIT_FIELDS: 'draft',
    RATE_LIMIT_QUOTA_URL: 'sqlite:data/quota.db',
    RATE_LIMIT_AT: 'gateway',
    CONNECTIONS_MAX: 10_000,
    SHUTDOWN_GRACE_MS: 0,
    TLS_CERT_FILE: '',
    TLS_CLIENT_CA_FILE: '',
    TLS_KEY_FILE: '',
    WORKERS: 1,
    CHECK_RESPONSES: 'off',
    PROMISE_CHECK_SECONDS: 60,
    TRUSTED_PROXIES: '127.0.0.1, ::1',
    CORS_ORIGINS: '',
    CORS_CREDENTIALS: false,
    CORS_MAX_AGE_MS: 600_000,
    AUTH: 'none',
    AUTH_ISSUER: '',
    AUTH_AUDIENCE: '',
    AUTH_JWKS_URL: '',
    AUTH_ALGORITHMS: 'RS256,PS256,ES256,EdDSA',
    AUTH_TOKEN_TYPES: 'at+jwt,JWT',
    AUTH_CLOCK_SKEW_MS: 30_000,
    AUTH_JWKS_MAX_AGE_MS: 600_000,
    AUTH_JWKS_COOLDOWN_MS: 5_000,
    AUTH_JWKS_STALE_MS: 86_400_000,
    AUTH_SCOPE_CLAIM: 'scope',
    AUTH_PLAN_CLAIM: '',
    AUTH_DENY_FILE: '',
    API_KEYS_FILE: '',
    AUDIT_LOG: 'off',
    AUDIT_REQUIRED: 'off',
    TELEMETRY_URL: 'sqlite:data/telemetry.db?bytes=268435456',
    OTLP_URL: '',
    OTLP_HEADERS: '',
    TRACE_PER_SECOND: 10,
    TRACE_SLOW_MS: 250,
    GUID_PORT: 8888,
  })
})

test('text is converted to the type of its property', () => {
  const schema = Type.Object({
    A_PORT: port(1, description),
    A_FLAG: Type.Boolean({ default: false, description }),
    B_FLAG: Type.Boolean({ default: true, description }),
    A_NAME: Type.String({ default: 'x', description }),
    A_VERSION: Type.Union([Type.Literal(4), Type.Literal('seven')], { default: 'seven', description }),
    A_LIMIT: Type.Union([Type.Literal('off'), Type.Integer({ minimum: 1 })], { default: 'off', description }),
  })
  const written = {
    A_PORT: '0',
    A_FLAG: 'true',
    B_FLAG: 'false',
    A_NAME: '12',
    A_VERSION: '4',
    A_LIMIT: '12',
  }
  assert.deepEqual(loadConfig(schema, made(written)), {
    A_PORT: 0,
    A_FLAG: true,
    B_FLAG: false,
    A_NAME: '12',
    A_VERSION: 4,
    A_LIMIT: 12,
  })
})

test('a configuration cannot be changed', () => {
  const config = loadConfig(Type.Object(commonSettings), made({}))
  assert.ok(Object.isFrozen(config))
  assert.throws(() => Object.assign(config, { HOST: '0.0.0.0' }), TypeError)
})

const faults: Array<{ kind: string; setting: TSchema; texts: string[]; expected: string }> = [
  {
    kind: 'a port',
    setting: port(8888, description),
    texts: ['abc', '65536', '-1', '+1', '1e3', '0x10', '80.0', ' 8888 ', '8888\n', '٣', '8_888', 'true'],
    expected: 'an integer from 0 to 65535',
  },
  {
    kind: 'a count',
    setting: count(5, { minimum: 2, maximum: 9, description }),
    texts: ['1', '10'],
    expected: 'an integer from 2 to 9',
  },
  {
    kind: 'an integer without bounds',
    setting: Type.Integer({ default: 1, description }),
    texts: ['9007199254740993', '-5'],
    expected: 'an integer from 0 to 9007199254740991',
  },
  {
    kind: 'a span of time',
    setting: milliseconds(500, { minimum: 100, maximum: 1000, description }),
    texts: ['99', '1001', '1s', '500ms'],
    expected: 'a number of milliseconds from 100 to 1000',
  },
  {
    kind: 'a boolean',
    setting: Type.Boolean({ default: true, description }),
    texts: ['yes', '1', 'TRUE', 'false '],
    expected: 'true or false',
  },
  {
    kind: 'a union of texts',
    setting: Type.Union([Type.Literal('4'), Type.Literal('7')], { default: '4', description }),
    texts: ['5', '04', '4.0', '47'],
    expected: '4 or 7',
  },
  {
    kind: 'a union of integers',
    setting: Type.Union([Type.Literal(1), Type.Literal(2), Type.Literal(3)], { default: 1, description }),
    texts: ['4', '01', '1.0', 'one'],
    expected: '1, 2 or 3',
  },
  {
    kind: 'a union of a literal and an integer',
    setting: Type.Union([Type.Literal('off'), Type.Integer({ minimum: 1, maximum: 9 })], {
      default: 'off',
      description,
    }),
    texts: ['0', 'on'],
    expected: 'off or an integer from 1 to 9',
  },
  {
    kind: 'a single literal',
    setting: Type.Literal('off', { default: 'off', description }),
    texts: ['on', '100', 'OFF'],
    expected: 'off',
  },
  {
    kind: 'the log level',
    setting: commonSettings.LOG_LEVEL,
    texts: ['loud', 'INFO', '30'],
    expected: 'trace, debug, info, warn, error, fatal or silent',
  },
  {
    kind: 'the host',
    setting: commonSettings.HOST,
    texts: ['127.0.0.1:80', 'http://localhost', 'a b', '::1::2'],
    expected: 'a host name or an IP address',
  },
  {
    kind: 'the URL of a port',
    setting: databaseUrl,
    texts: ['mysql://localhost/guid', 'sqlite', 'SQLITE:guid.db', ' sqlite:guid.db', 'xsqlite:guid.db'],
    expected: 'a URL that starts with sqlite: or postgres:',
  },
  {
    kind: 'a text of limited length',
    setting: Type.String({ minLength: 2, maxLength: 3, default: 'abc', description }),
    texts: ['a', 'abcd'],
    expected: 'a text of at least 2 characters and of at most 3 characters',
  },
  {
    kind: 'a text with a pattern',
    setting: Type.String({ pattern: '^[a-z]+$', default: 'abc', description }),
    texts: ['ABC', 'a1'],
    expected: 'a text that matches ^[a-z]+$',
  },
  {
    kind: 'a text with a format',
    setting: Type.String({ format: 'uuid', default: '00000000-0000-4000-8000-000000000000', description }),
    texts: ['1234'],
    expected: 'a text in the format uuid',
  },
  {
    kind: 'a text with an expectation of its own',
    setting: Type.String({
      pattern: '^\\d\\d:\\d\\d$',
      default: '09:30',
      description,
      expected: 'a time such as 09:30',
    }),
    texts: ['9:30', 'noon'],
    expected: 'a time such as 09:30',
  },
]

for (const { kind, setting, texts, expected } of faults) {
  test(`${kind} refuses other values, and its fault describes what it must be`, () => {
    const schema = Type.Object({ DATA_DIR: commonSettings.DATA_DIR, A_SETTING: setting })
    for (const text of texts) {
      const sentence = `A_SETTING must be ${expected}, but is ${JSON.stringify(text)} (from .env).`
      assert.deepEqual(faultsOf(schema, made({ A_SETTING: text }, '.env')), [sentence])
    }
    assert.doesNotThrow(() => loadConfig(schema, made({})), 'its default is good')
  })
}

test('the host may be a name, an IPv4 or an IPv6 address', () => {
  const schema = Type.Object({ HOST: commonSettings.HOST })
  for (const HOST of ['localhost', '0.0.0.0', '::', '::1', 'quintet.example']) {
    assert.equal(loadConfig(schema, made({ HOST })).HOST, HOST)
  }
})

test('the scheme of a URL is compared literally', () => {
  const GUID_URL = engineUrl({ default: 'memory:', schemes: ['memory:', 'mongodb+srv:'], description })
  const schema = Type.Object({ GUID_URL })
  assert.equal(
    loadConfig(schema, made({ GUID_URL: 'mongodb+srv://host/db' })).GUID_URL,
    'mongodb+srv://host/db',
  )
  assert.equal(faultsOf(schema, made({ GUID_URL: 'mongodbbsrv://host' })).length, 1)
})

test('a URL of an engine has what its scheme needs: a file, or hosts and ports', () => {
  const schemes = ['sqlite:', 'memory:', 'postgres:', 'amqp:', 'kafka:', 'mongodb:', 'dynamodb:', 'redis:']
  const schema = Type.Object({ A_URL: engineUrl({ default: 'memory:', schemes, description }) })
  const wrong = [
    'sqlite:',
    'sqlite://',
    'sqlite:data/',
    'postgres:',
    'postgres://',
    'redis:',
    'redis:localhost',
    'amqp://',
    'amqp://host:port',
    'amqp://host:123456',
    'amqp://user:pass#word@host',
    'postgres://user:pass/word@host/db',
    'postgres://user:100%@host/db',
    'kafka://one:9092,:9092',
  ]
  for (const A_URL of wrong) {
    const [fault, ...others] = faultsOf(schema, made({ A_URL }))
    assert.match(String(fault), /^A_URL must be a whole URL, such as .*, but is "/, A_URL)
    assert.equal(others.length, 0)
  }
  const right = [
    'sqlite::memory:',
    'sqlite:/data/guid.db',
    'sqlite:///data/guid.db',
    'memory:?entries=5',
    'postgres://user:p%40ss@[::1]:5432/db?sslmode=verify-full',
    'postgres:///db?host=/var/run/postgresql',
    'postgres://%2Fvar%2Frun/db',
    'amqp://host',
    'kafka://user:password@one:9092,two/prefix?tls=true',
    'mongodb://one,two:27017/guid_db?replicaSet=rs0',
    'dynamodb:///table?region=x',
    'redis://:secret@host:6379/0',
  ]
  for (const A_URL of right) assert.deepEqual(loadConfig(schema, made({ A_URL })), { A_URL })
})

test('all faults are in one error, a line each, in the order of the schema', () => {
  const schema = Type.Object({ ...commonSettings, GUID_PORT: port(8888, description), GUID_URL: databaseUrl })
  const settings: Settings = new Map([
    ['GUID_PORT', { value: 'abc', source: '.env' }],
    ['LOG_LEVEL', { value: 'info', source: '.env' }],
    ['RATE_LIMIT', { value: '100', source: 'environment' }],
    ['GUID_URL', { value: 'redis:', source: 'environment' }],
  ])
  assert.throws(
    () => loadConfig(schema, settings),
    (error) => {
      assert.ok(error instanceof ConfigError)
      assert.equal(error.name, 'ConfigError')
      assert.equal(error.message, error.faults.join('\n'))
      assert.deepEqual(error.message.split('\n'), [
        'RATE_LIMIT must be off, on or dry-run, but is "100" (from the environment).',
        'GUID_PORT must be an integer from 0 to 65535, but is "abc" (from .env).',
        'GUID_URL must be a URL that starts with sqlite: or postgres:, but is "redis:" (from the environment).',
      ])
      return true
    },
  )
})

test('a fault stays on its line whatever the value is', () => {
  const schema = Type.Object({ A_PORT: port(1, description) })
  assert.deepEqual(faultsOf(schema, made({ A_PORT: '1\n"2"' })), [
    'A_PORT must be an integer from 0 to 65535, but is "1\\n\\"2\\"" (from the environment).',
  ])
})

test('a default that breaks its own rule is a fault like any other', () => {
  assert.deepEqual(faultsOf(Type.Object({ A_PORT: port(70_000, description) }), made({})), [
    'A_PORT must be an integer from 0 to 65535, but is "70000" (its default).',
  ])
})

test('a setting without default or description, or of another kind, is a programming error', () => {
  const wrong = [
    Type.Integer({ description }),
    Type.Integer({ default: 1 }),
    Type.Array(Type.String(), { default: [], description }),
    Type.Number({ default: 1.5, description }),
  ]
  for (const A_SETTING of wrong) {
    assert.throws(() => loadConfig(Type.Object({ A_SETTING }), made({})), TypeError)
  }
})

test('the environment wins over the .env file, and what is in neither is not set', (t) => {
  const envFile = temporaryFile(t, 'A=file\nB="file b" # why\n# C=no\nD=file\n')
  assert.deepEqual(Object.fromEntries(readSettings({ A: 'environment', E: 'environment' }, envFile)), {
    A: { value: 'environment', source: 'environment' },
    B: { value: 'file b', source: '.env' },
    D: { value: 'file', source: '.env' },
    E: { value: 'environment', source: 'environment' },
  })
})

test('an empty text counts as not set, in the environment and in the file', (t) => {
  const envFile = temporaryFile(t, 'A=file\nB=\nC=""\n')
  assert.deepEqual([...readSettings({ A: '', D: '' }, envFile)], [['A', { value: 'file', source: '.env' }]])
})

test('the .env file need not exist', (t) => {
  const absent = `${temporaryFile(t, '')}-absent`
  assert.deepEqual([...readSettings({ A: '1' }, absent).keys()], ['A'])
})

test('the .env file is that of the current directory unless another is named', (t) => {
  const directory = process.cwd()
  process.chdir(path.dirname(temporaryFile(t, 'A=1')))
  t.after(() => process.chdir(directory))
  assert.deepEqual([...readSettings({}).keys()], ['A'])
})

test('the .env file may have CRLF line ends and a byte order mark', (t) => {
  const settings = readSettings({}, temporaryFile(t, '\uFEFFA=1\r\nB=2\r\n'))
  assert.deepEqual(
    [...settings].map(([name, { value }]) => [name, value]),
    [
      ['A', '1'],
      ['B', '2'],
    ],
  )
})

test('a default may refer to the effective values of other settings', () => {
  const schema = Type.Object({
    GUID_URL: databaseUrl,
    LOG_FILE: Type.String({ default: '{LOG_DIR}/{NAME}-{NAME}.log', description }),
    LOG_DIR: Type.String({ default: '{DATA_DIR}/log', description }),
    NAME: Type.String({ default: 'guid', description }),
    DATA_DIR: commonSettings.DATA_DIR,
  })
  assert.equal(loadConfig(schema, made({})).GUID_URL, 'sqlite:data/guid.db')
  const config = loadConfig(schema, made({ DATA_DIR: '/var/$& {NAME}', NAME: 'other' }))
  assert.equal(config.GUID_URL, 'sqlite:/var/$& {NAME}/guid.db')
  assert.equal(config.LOG_FILE, '/var/$& {NAME}/log/other-other.log')
})

test('braces in a value that was set stay as they are', () => {
  const schema = Type.Object({ ...commonSettings, GUID_URL: databaseUrl })
  const GUID_URL = 'postgres://guid:a{DATA_DIR}{NOBODY}@localhost/guid'
  assert.equal(loadConfig(schema, made({ GUID_URL })).GUID_URL, GUID_URL)
})

test('a default that refers to an unknown or a secret setting is a programming error', () => {
  const KEY = Type.String({ default: 'x', description, secret: true })
  for (const other of ['NOBODY', 'KEY']) {
    const schema = Type.Object({ KEY, A: Type.String({ default: `a {${other}}`, description }) })
    assert.throws(() => loadConfig(schema, made({})), {
      name: 'TypeError',
      message: new RegExp(`A .*${other}`),
    })
    assert.throws(() => describeConfig(schema, made({})), TypeError)
  }
})

test('a description names value and source of each setting, valid or not', () => {
  const schema = Type.Object({
    DATA_DIR: Type.String({ default: 'data', description: 'The place.' }),
    GUID_URL: databaseUrl,
    GUID_PORT: port(8888, 'The port.'),
    GUID_MAX: count(10, { minimum: 1, maximum: 20, description: 'The most.' }),
  })
  const settings: Settings = new Map([
    ['GUID_PORT', { value: 'abc', source: 'environment' }],
    ['GUID_MAX', { value: '5', source: '.env' }],
  ])
  assert.deepEqual(describeConfig(schema, settings), [
    { name: 'DATA_DIR', value: 'data', isValid: true, source: 'default', description: 'The place.' },
    { name: 'GUID_URL', value: 'sqlite:data/guid.db', isValid: true, source: 'default', description },
    { name: 'GUID_PORT', value: 'abc', isValid: false, source: 'environment', description: 'The port.' },
    { name: 'GUID_MAX', value: '5', isValid: true, source: '.env', description: 'The most.' },
  ])
})

test('a secret is neither in the error nor in the description', () => {
  const schema = Type.Object({
    A_KEY: Type.String({ minLength: 40, default: '', description, secret: true }),
    B_KEY: Type.Integer({ default: 0, description, secret: true }),
    C_KEY: Type.Union([Type.Literal('x'), Type.Literal('y')], { default: 'x', description, secret: true }),
  })
  const settings = made({ A_KEY: 'hunter2', B_KEY: 'hunter2', C_KEY: 'hunter2' })
  const [first = '', ...others] = faultsOf(schema, settings)
  assert.equal(
    first,
    'A_KEY must be a text of at least 40 characters, but is "[redacted]" (from the environment).',
  )
  assert.equal(others.length, 2)
  assert.doesNotMatch(everythingShown(schema, settings), /hunter/)
  assert.deepEqual(
    describeConfig(schema, settings).map(({ value }) => value),
    ['[redacted]', '[redacted]', '[redacted]'],
  )
})

test('an empty secret is shown as empty', () => {
  const schema = Type.Object({ A_KEY: Type.String({ default: '', description, secret: true }) })
  assert.equal(describeConfig(schema, made({}))[0]?.value, '')
})

test('the password of a URL is neither in the error nor in the description, even if the URL is malformed', () => {
  const schema = Type.Object({ GUID_URL: databaseUrl, A_PORT: port(1, description) })
  const hidden = {
    'postgres://guid:hunter2@localhost:5432/guid': 'postgres://guid:[redacted]@localhost:5432/guid',
    'postgres://:hunter2@localhost': 'postgres://:[redacted]@localhost',
    'postgres://guid:hun@ter2:/hunter2?#hunter2@localhost': 'postgres://guid:[redacted]@localhost',
    'postgres://guid://hunter2@localhost': 'postgres://guid:[redacted]@localhost',
    'postgres://guid:hunter\n hunter2@localhost': 'postgres://guid:[redacted]@localhost',
    'postgres://localhost/guid?user=guid&password=hunter2@x&a=b':
      'postgres://localhost/guid?user=guid&password=[redacted]&a=[redacted]',
    ' postgres://guid:hunter2@localhost': ' postgres://guid:[redacted]@localhost',
    'amqp://guid:hunter2@one,amqp://guid:hunter2@two': 'amqp://guid:[redacted]@two',
    'postgres//guid:hunter2@localhost': 'postgres//guid:[redacted]@localhost',
    'postgres:guid:hunter2@localhost': 'postgres:[redacted]@localhost',
    'guid:hunter2@localhost': 'guid:[redacted]@localhost',
  }
  for (const [url, shown] of Object.entries(hidden)) {
    const settings = made({ GUID_URL: url, A_PORT: url })
    assert.doesNotMatch(everythingShown(schema, settings), /hun|ter2/)
    assert.deepEqual(
      describeConfig(schema, settings).map(({ value }) => value),
      [shown, shown],
    )
  }
})

test('a URL is shown without tokens, whatever its parameters are called, even if it is malformed', () => {
  const schema = Type.Object({ A_URL: Type.String({ default: '', description, pattern: '^x' }) })
  const hidden = {
    'http://h/hook?token=hunter2': 'http://h/hook?token=[redacted]',
    'https://h:80/?a=hunter2@x&b=hunter2#c=hunter2': 'https://h:80/?a=[redacted]&b=[redacted]#c=[redacted]',
    'https://hunter2@h/hook?id=hunter2': 'https://[redacted]@h/hook?id=[redacted]',
    'https://ada:hunter2@h/?to=hunter2@x': 'https://ada:[redacted]@h/?to=[redacted]',
    'HTTPS://hunter2@h': 'HTTPS://[redacted]@h',
    'htp://h/hook?token=hunter2': 'htp://h/hook?token=[redacted]',
    'h/hook?token=hunter2': 'h/hook?token=[redacted]',
    'http//h/hook?sig=hunter2': 'http//h/hook?sig=[redacted]',
    'http://h:x/hook?sig=hunter2': 'http://h:x/hook?sig=[redacted]',
    'redis://h?token=hunter2': 'redis://h?token=[redacted]',
    'postgres://ada:hunter2@h:1/d?sslmode=require&key=hunter2':
      'postgres://ada:[redacted]@h:1/d?sslmode=require&key=[redacted]',
    'mongodb://a:1,b:2/d?authMechanismProperties=T:hunter2@x&tls=true':
      'mongodb://a:1,b:2/d?authMechanismProperties=[redacted]&tls=true',
    'sqlite:data/guid.db?key=hunter2': 'sqlite:data/guid.db?key=[redacted]',
  }
  for (const [A_URL, shown] of Object.entries(hidden)) {
    assert.doesNotMatch(everythingShown(schema, made({ A_URL })), /hunter2/)
    assert.equal(describeConfig(schema, made({ A_URL }))[0]?.value, shown)
  }
})

test('a URL without a password is shown as it is', () => {
  const schema = Type.Object({ GUID_URL: databaseUrl })
  const plain = [
    'sqlite:data/guid.db',
    'postgres://guid@localhost/guid',
    'redis://[::1]:6379/0',
    'kafka://a:1,b:2?tls=true',
    'https://host:80/a:b',
    'C:\\data',
    'memory:',
  ]
  for (const GUID_URL of plain) {
    assert.equal(describeConfig(schema, made({ GUID_URL }))[0]?.value, GUID_URL)
  }
})

test('a loaded configuration contains secrets and passwords unredacted', () => {
  const schema = Type.Object({
    GUID_URL: databaseUrl,
    A_KEY: Type.String({ default: '', description, secret: true }),
  })
  const settings = { GUID_URL: 'postgres://guid:hunter2@localhost/guid', A_KEY: 'hunter2' }
  const { DATA_DIR } = commonSettings
  assert.deepEqual(loadConfig(Type.Object({ ...schema.properties, DATA_DIR }), made(settings)), {
    ...settings,
    DATA_DIR: 'data',
  })
})

test('a name that is in no schema is reported with the nearest one that is', () => {
  const guid = Type.Object({
    ...commonSettings,
    GUID_PORT: port(8888, description),
    GUID_DATABASE_URL: databaseUrl,
  })
  const gateway = Type.Object({ GATEWAY_PORT: port(3000, description) })
  const settings = made({
    GUID_PROT: '1',
    GUID_PPPORT: '1',
    GUID_DATABSE_URL: 'x',
    GUID_DATABASE: 'x',
    GATEWAYS_PORT: '1',
    GATEWAY_PRT: '1',
  })
  const known = [guid, gateway].flatMap(({ properties }) => Object.keys(properties))
  assert.deepEqual(unknownSettings(known, settings, ['GUID', 'GATEWAY']).others, [
    'GUID_PROT is not a setting; did you mean GUID_PORT?',
    'GUID_PPPORT is not a setting; did you mean GUID_PORT?',
    'GUID_DATABSE_URL is not a setting; did you mean GUID_DATABASE_URL?',
    'GUID_DATABASE is not a setting; did you mean GUID_DATABASE_URL?',
    'GATEWAYS_PORT is not a setting; did you mean GATEWAY_PORT?',
    'GATEWAY_PRT is not a setting; did you mean GATEWAY_PORT?',
  ])
})

test('a name that resembles no setting is reported without a suggestion', () => {
  for (const known of [['GUID_PORT'], []])
    assert.deepEqual(unknownSettings(known, made({ GUID_SWEEP: '1' }), ['GUID']).others, [
      'GUID_SWEEP is not a setting.',
    ])
})

test('a name that shares words with a setting is no typo of it', () => {
  const known = ['BILLING_PORT', 'GUID_PORT', 'GUID_DATABASE_URL', 'GUID_BACKLOG_MAX', 'QUEUE_URL']
  const names = ['BILLING_ACCOUNT', 'GUID_SECRET', 'QUEUE_SIZE', 'BILLING_ACCOUNT_ID']
  const settings = made(Object.fromEntries(names.map((name) => [name, 'x'])))
  assert.deepEqual(
    unknownSettings(known, settings, ['BILLING', 'GUID', 'QUEUE']).others,
    names.map((name) => `${name} is not a setting.`),
  )
})

test('a setting that all services share is suggested for one with the name of a service, and case is no difference', () => {
  const known = [...Object.keys(commonSettings), 'CACHE_URL', 'GUID_PORT']
  const settings = made({ GUID_HOST: 'x', GUID_CACHE_URL: 'x', guid_port: '1', Log_Level: 'x' })
  assert.deepEqual(unknownSettings(known, settings, ['GUID']).others, [
    'GUID_HOST is not a setting; did you mean HOST?',
    'GUID_CACHE_URL is not a setting; did you mean CACHE_URL?',
    'guid_port is not a setting; did you mean GUID_PORT?',
    'Log_Level is not a setting; did you mean LOG_LEVEL?',
  ])
})

test('in a .env file for all services every unknown name is reported', () => {
  const settings = made({ PORT: '1', GUID_PORT: '1' }, '.env')
  assert.deepEqual(unknownSettings(['GUID_PORT'], settings, [], { isForAll: true }).others, [
    'PORT is not a setting.',
  ])
  assert.deepEqual(unknownSettings(['GUID_PORT'], settings, []).others, [])
  assert.deepEqual(unknownSettings([], made({ PORT: '1' }), [], { isForAll: true }).others, [])
})

test('names that are known, or resemble none and have none of the prefixes, are not reported', () => {
  const settings = made({
    GUID_PORT: '1',
    PATH: '/bin',
    GUIDELINES: '1',
    GUID: '1',
    MY_GUID_PORT: '1',
    SSL_CERT_FILE: '/etc/ssl/cert.pem',
    SSH_AUTH_SOCK: '/tmp/socket',
    DATA_DIR: 'x',
  })
  const known = [...Object.keys(commonSettings), 'GUID_PORT']
  assert.deepEqual(unknownSettings(known, settings, ['GUID']), { protective: [], others: [] })
})

test('an unknown name that promises protection is told apart, with and without the prefix of a service', () => {
  const names = [
    'AUTH',
    'TLS_CERT_FILE',
    'GUID_TLS_CERT_FILE',
    'GUID_API_KEYS',
    'RATE_LIMITS',
    'RATE_LIMIT_RULES',
    'CORS_ORIGINS',
    'API_KEYS_FILE',
    'AUDIT_LOG',
    'AUDIT_REQUIRED',
    'AUTH_ALGORITHMS',
    'AUTH_DENY_FILE',
    'AUTH_JWKS_URL',
    'CORS_CREDENTIALS',
    'TLS_CERT_PATH',
    'Tls_Client_Ca_File',
    'auth',
    'BASIC_AUTH',
    'HTTPS',
    'IP_ALLOWLIST',
    'REQUIRE_AUTH',
    'SSL_CERT',
  ]
  const settings = made(Object.fromEntries(names.map((name) => [name, 'x'])))
  const { protective, others } = unknownSettings(['RATE_LIMIT'], settings, ['GUID'])
  assert.deepEqual(
    protective,
    names.map(
      (name) =>
        `${name} is not a setting, so it would protect nothing. Remove it from the environment, for example by env -u ${name}.`,
    ),
  )
  assert.deepEqual(others, [])
  assert.deepEqual(unknownSettings(names, settings, ['GUID']).protective, [])
  // Where settings have such a name themselves, others that begin like them do so all the more.
  const prefixes = ['GUID', 'AUTH', 'RATE', 'CORS', 'API']
  assert.deepEqual(unknownSettings(['RATE_LIMIT'], settings, prefixes).protective, protective)
})

test('variables of other programs are no promise of protection, except in .env', () => {
  const names = [
    'HTTPS_PROXY',
    'API_KEY',
    'JWT_SECRET',
    'AUTH_SECRET',
    'AUTH_TOKEN',
    'SSL_VERIFY',
    'TRUST_STORE',
  ]
  const values = Object.fromEntries(names.map((name) => [name, 'x']))
  assert.deepEqual(unknownSettings([], made(values), ['GUID']), { protective: [], others: [] })
  const [first, ...others] = unknownSettings([], made(values, '.env'), ['GUID']).protective
  assert.match(String(first), /^HTTPS_PROXY is not a setting.* Remove it from \.env\.$/)
  assert.equal(others.length, names.length - 1)
})

function made(values: Record<string, string>, source: '.env' | 'environment' = 'environment'): Settings {
  return new Map(Object.entries(values).map(([name, value]) => [name, { value, source }]))
}

function faultsOf(schema: TObject, settings: Settings): readonly string[] {
  return errorOf(schema, settings).faults
}

function errorOf(schema: TObject, settings: Settings): ConfigError {
  try {
    loadConfig(schema, settings)
  } catch (error) {
    if (error instanceof ConfigError) return error
    throw error
  }
  return assert.fail('the settings were taken')
}

function everythingShown(schema: TObject, settings: Settings): string {
  const error = errorOf(schema, settings)
  const inspected = util.inspect(error, { depth: null, showHidden: true })
  return [
    error.message,
    error.stack,
    inspected,
    JSON.stringify([error, describeConfig(schema, settings)]),
  ].join('\n')
}

function temporaryFile(t: TestContext, text: string): string {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'quintet-config-'))
  t.after(() => fs.rmSync(directory, { recursive: true }))
  const file = path.join(directory, '.env')
  fs.writeFileSync(file, text)
  return file
}
