import assert from 'node:assert/strict'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { createQuintetClient, dataOf } from '@quintet/clients/typescript'
import { until } from '@quintet/chassis/testing'
import { tlsFiles, validDays } from '@quintet/chassis/testing/tls'
import { portSetting } from '@quintet/contracts/topology'
import { call, dataFolder, run } from './processes.ts'
import { register } from './register.ts'

test('quintet start guid and a gateway in another process work together', async (t) => {
  const DATA_DIR = dataFolder(t)
  const guid = await run(t, ['quintet.ts', 'start', 'guid'], { DATA_DIR }).address('guid')
  const gateway = await run(t, ['services/gateway/src/main.ts'], { DATA_DIR, GUID_URL: guid }).address(
    'gateway',
  )
  const { guid: name } = await register(createQuintetClient(gateway))
  const params = { path: { guid: name } }
  assert.equal(dataOf(await createQuintetClient(guid).GET('/guid/{guid}', { params })).user, 'ada')
})

test('Bodies that are too large are 413 through the gateway, every time, and open no circuit', async (t) => {
  const quintet = run(t, ['quintet.ts', 'start', 'gateway', 'inventory'], { DATA_DIR: dataFolder(t) })
  const gateway = await quintet.address('gateway')
  for (let i = 0; i < 12; i++) {
    const response = await call('POST', `${gateway}/api/movies`, { title: 'x'.repeat(3_000_000) })
    assert.equal(response?.status, 413)
  }
  assert.deepEqual((await call('GET', `${gateway}/api/movies`))?.body, [])
})

test('A port in use ends the start with a message, before the database is opened', async (t) => {
  const DATA_DIR = dataFolder(t)
  const GUID_PORT = new URL(await run(t, ['quintet.ts', 'start', 'guid'], { DATA_DIR }).address('guid')).port
  for (const words of [['quintet.ts', 'start', 'guid'], ['services/guid/src/main.ts']]) {
    const other = join(DATA_DIR, 'of-the-second')
    const second = run(t, words, { DATA_DIR: other, GUID_PORT })
    await assert.rejects(second.address('guid'))
    assert.equal(second.child.exitCode, 1)
    assert.equal(second.output(), portInUse('guid', GUID_PORT))
    assert.ok(!existsSync(other))
  }
})

test('All ports in use are named at once, and no service starts', async (t) => {
  const DATA_DIR = dataFolder(t)
  const names = ['guid', 'billing', 'gateway'] as const
  const first = run(t, ['quintet.ts', 'start', ...names], { DATA_DIR })
  const ports: Record<string, string> = {}
  for (const name of names) ports[portSetting(name)] = new URL(await first.address(name)).port
  const other = join(DATA_DIR, 'of-the-second')
  const second = run(t, ['quintet.ts', 'start'], { ...ports, DATA_DIR: other })
  await assert.rejects(second.address('guid'))
  const expected = names.map((name) => portInUse(name, ports[portSetting(name)] ?? ''))
  assert.equal(second.output(), expected.join(''))
  assert.ok(!existsSync(other))
})

test('Equal ports of several services are found before any starts, together with every other invalid setting', async (t) => {
  const DATA_DIR = join(dataFolder(t), 'data')
  const quintet = run(t, ['quintet.ts', 'start'], {
    DATA_DIR,
    GUID_PORT: '8181',
    BILLING_PORT: '8181',
    LOG_LEVEL: 'loud',
    CERTIFICATES_NOTIFY_URL: 'http://127.0.0.1/',
    CERTIFICATES_KEY_FILE: '/nowhere/key',
  })
  await assert.rejects(quintet.address('guid'))
  assert.equal(quintet.child.exitCode, 1)
  assert.deepEqual(quintet.output().trimEnd().split('\n').sort(), [
    'CERTIFICATES_KEY_FILE, /nowhere/key, does not exist: it must be a file with the value of CERTIFICATES_KEY.',
    'CERTIFICATES_NOTIFY_SECRET must be set if CERTIFICATES_NOTIFY_URL is.',
    'GUID_PORT and BILLING_PORT are both 8181: set a port for each that no other has.',
    'LOG_LEVEL must be trace, debug, info, warn, error, fatal or silent, but is "loud" (from the environment).',
  ])
  assert.ok(!existsSync(DATA_DIR))
})

for (const words of [['quintet.ts', 'start', 'guid', 'gateway'], ['services/gateway/src/main.ts']])
  test(`All that is in the way of ${words.join(' ')} is named at once: settings, their relations, protections, ports and folders`, async (t) => {
    const DATA_DIR = join(dataFolder(t), 'data')
    const first = run(t, ['quintet.ts', 'start', 'gateway'], { DATA_DIR: dataFolder(t) })
    const GATEWAY_PORT = new URL(await first.address('gateway')).port
    const quintet = run(t, words, {
      DATA_DIR,
      GATEWAY_PORT,
      LOG_LEVEL: 'loud',
      BASIC_AUTH: 'on',
      GATEWAY_EXCHANGE_TIMEOUT_MS: '10',
      GATEWAY_STREAM_IDLE_MS: '10',
      QUEUE_URL: 'sqlite:/dev/null/queue.db',
    })
    await assert.rejects(quintet.address('gateway'))
    assert.equal(quintet.child.exitCode, 1)
    const lines = quintet.output().trimEnd().split('\n')
    for (const start of [
      'LOG_LEVEL must be ',
      'BASIC_AUTH is not a setting, so it would protect nothing',
      'GATEWAY_EXCHANGE_TIMEOUT_MS is 10, ',
      'GATEWAY_STREAM_IDLE_MS is 10, ',
      portInUse('gateway', GATEWAY_PORT).trimEnd(),
      'The database file /dev/null/queue.db cannot be created, ',
    ])
      assert.ok(
        lines.some((line) => line.startsWith(start)),
        start,
      )
    assert.equal(lines.length, 6, quintet.output())
    assert.ok(!existsSync(DATA_DIR))
  })

for (const words of [['quintet.ts', 'start', 'guid'], ['services/guid/src/main.ts']])
  test(`${words.join(' ')} names an invalid port together with a host that this machine does not have`, async (t) => {
    const quintet = run(t, words, { DATA_DIR: dataFolder(t), HOST: '192.0.2.1', GUID_PORT: 'one' })
    await assert.rejects(quintet.address('guid'))
    assert.deepEqual(quintet.output().trimEnd().split('\n'), [
      'GUID_PORT must be an integer from 0 to 65535, but is "one" (from the environment).',
      'HOST is 192.0.2.1, but this machine has no such address.',
    ])
  })

test('A port that several settings have is one sentence with all of them, also those of redirects and of operations', async (t) => {
  const { certificate: GATEWAY_TLS_CERT_FILE, key: GATEWAY_TLS_KEY_FILE } = tlsFiles(t)
  const tls = { DATA_DIR: dataFolder(t), GATEWAY_TLS_CERT_FILE, GATEWAY_TLS_KEY_FILE }
  for (const words of [['quintet.ts', 'start'], ['services/gateway/src/main.ts']])
    for (const [settings, expected] of [
      [['GUID_PORT', 'OPERATIONS_PORT'], 'GUID_PORT and OPERATIONS_PORT are both 8181'],
      [['GATEWAY_PORT', 'GATEWAY_HTTP_PORT'], 'GATEWAY_PORT and GATEWAY_HTTP_PORT are both 8181'],
      [['GATEWAY_HTTP_PORT', 'OPERATIONS_PORT'], 'GATEWAY_HTTP_PORT and OPERATIONS_PORT are both 8181'],
    ] as const) {
      const ports = Object.fromEntries(settings.map((name) => [name, '8181']))
      const refused = run(t, words, { ...tls, ...ports })
      await assert.rejects(refused.address('gateway'))
      assert.equal(refused.output(), `${expected}: set a port for each that no other has.\n`)
    }
})

for (const words of [['quintet.ts', 'start', 'gateway'], ['services/gateway/src/main.ts']])
  test(`${words.join(' ')} prints where it redirects from, and where operators find it`, async (t) => {
    const { certificate: GATEWAY_TLS_CERT_FILE, key: GATEWAY_TLS_KEY_FILE } = tlsFiles(t)
    const tls = { GATEWAY_TLS_CERT_FILE, GATEWAY_TLS_KEY_FILE, GATEWAY_HTTP_PORT: '0' }
    const gateway = run(t, words, { DATA_DIR: dataFolder(t), ...tls, OPERATIONS_PORT: '0' })
    const operations = await gateway.address('operations')
    assert.equal((await fetch(`${operations}/health/live`)).status, 200)
    const [secure, redirect] = [await gateway.address('gateway'), await gateway.address('redirect')]
    const { status, headers } = await fetch(`${redirect}/guids`, { redirect: 'manual' })
    assert.deepEqual([status, headers.get('location')], [308, `${secure}/guids`])
    assert.match(gateway.output(), new RegExp(`^redirect +${redirect} +to ${secure}$`, 'm'))
  })

test('A gateway alone refuses equal ports of the services that it forwards to, unless they have other addresses', async (t) => {
  const ports = { GUID_PORT: '8181', BILLING_PORT: '8181' }
  const refused = run(t, ['services/gateway/src/main.ts'], { DATA_DIR: dataFolder(t), ...ports })
  await assert.rejects(refused.address('gateway'))
  assert.match(refused.output(), /^GUID_PORT and BILLING_PORT are both 8181: /)
  const settings = { DATA_DIR: dataFolder(t), ...ports, GUID_URL: 'http://guid.example:8181' }
  assert.ok(await run(t, ['services/gateway/src/main.ts'], settings).address('gateway'))
})

test('The variables that Kubernetes sets for a service called guid are not taken for settings', async (t) => {
  const settings = {
    DATA_DIR: dataFolder(t),
    BILLING_PORT: 'tcp://10.0.0.2:8081',
    GUID_SERVICE_HOST: '10.0.0.1',
    GUID_SERVICE_PORT: '8888',
    GUID_SERVICE_PORT_HTTP: '8888',
    GUID_PORT_8888_TCP: 'tcp://10.0.0.1:8888',
    GUID_PORT_8888_TCP_PROTO: 'tcp',
    GUID_PORT_8888_TCP_PORT: '8888',
    GUID_PORT_8888_TCP_ADDR: '10.0.0.1',
  }
  for (const words of [['quintet.ts', 'start', 'guid'], ['services/guid/src/main.ts']]) {
    const quintet = run(t, words, settings)
    await quintet.address('guid')
    assert.doesNotMatch(quintet.output(), /setting/)
    await quintet.kill('SIGTERM')
  }
})

function portInUse(service: string, port: string): string {
  const setting = `${service.toUpperCase()}_PORT`
  return `${service} cannot listen on 127.0.0.1, port ${port}: another program does. Stop that program, or set ${setting} to another port.\n`
}

for (const [words, setting, sentence] of [
  [
    ['quintet.ts', 'start', 'guid'],
    { DATA_DIR: '/dev/null' },
    'The database file /dev/null/guid.db cannot be',
  ],
  [['services/guid/src/main.ts'], { DATA_DIR: '/dev/null' }, 'The database file /dev/null/guid.db cannot be'],
  [
    ['quintet.ts', 'migrate', 'status', 'inventory'],
    { INVENTORY_DATABASE_URL: 'postgres://ada:secret@127.0.0.1:1/movies_db' },
    'inventory, on postgres://ada:[redacted]@127.0.0.1:1/movies_db: connect ECONNREFUSED',
  ],
  [
    ['quintet.ts', 'migrate', 'up', 'brokerage'],
    { BROKERAGE_DATABASE_URL: 'dynamodb://ada:secret@127.0.0.1:1/brokerage?region=x&tls=false' },
    'brokerage, on dynamodb://ada:[redacted]@127.0.0.1:1/brokerage?region=x&tls=false: ',
  ],
] as const)
  test(`${words.join(' ')} reports storage that cannot be opened in one line: ${Object.keys(setting)}`, async (t) => {
    const quintet = run(t, words, setting)
    await assert.rejects(quintet.address('never'))
    assert.equal(quintet.child.exitCode, 1)
    assert.ok(quintet.output().startsWith(sentence), quintet.output())
    assert.equal(quintet.output().trimEnd().split('\n').length, 1)
  })

for (const words of [['quintet.ts', 'start', 'inventory', 'gateway'], ['services/inventory/src/main.ts']])
  test(`What ${words.join(' ')} prints to standard output is lines of JSON only`, async (t) => {
    const started = run(t, words, { DATA_DIR: dataFolder(t), INVENTORY_PROT: '1' })
    let output = ''
    started.child.stdout?.on('data', (chunk) => {
      output += chunk
    })
    const address = await started.address('inventory')
    await fetch(`${address}/api/movies/1`)
    await until(() => output.includes('/api/movies/1'))
    assert.equal(await started.kill('SIGTERM'), 0)
    for (const line of output.trimEnd().split('\n')) assert.equal(typeof JSON.parse(line).msg, 'string', line)
    assert.match(started.output(), /^INVENTORY_PROT is not a setting/m)
  })

test('After SIGTERM only the databases are left of the embedded storage, also where several processes shared it', async (t) => {
  const DATA_DIR = dataFolder(t)
  const started = [1, 2].map(() => run(t, ['quintet.ts', 'start'], { DATA_DIR }))
  for (const one of started) {
    const gateway = await one.address('gateway')
    await call('POST', `${gateway}/guid`, { user: 'ada' })
    await call('POST', `${gateway}/api/movies`, { title: 'kept', description: '' })
    for (const path of ['/guids', '/api/movies', '/users', '/accounts/1', '/api/orders', '/guid-events'])
      await call('GET', gateway + path)
  }
  for (const one of started) assert.equal(await one.kill('SIGTERM'), 0)
  assert.deepEqual(
    readdirSync(DATA_DIR).filter((name) => /-(wal|shm|journal)$/.test(name)),
    [],
  )
})

test('quintet config prints each setting with its value and its source', async (t) => {
  const quintet = run(t, ['quintet.ts', 'config'], { DATA_DIR: 'elsewhere', GUID_PROT: '1' })
  await assert.rejects(quintet.address('never'))
  assert.equal(quintet.child.exitCode, 0)
  assert.match(
    quintet.output(),
    /^GUID_DATABASE_URL +sqlite:elsewhere\/guid\.db +default\n {4}The database: /m,
  )
  assert.match(quintet.output(), /^DATA_DIR +elsewhere +environment$/m)
  assert.match(quintet.output(), /^GUID_PROT is not a setting; did you mean GUID_PORT\?$/m)
})

test('quintet doctor examines every engine once and finds nothing wrong with embedded storage', async (t) => {
  const quintet = run(t, ['quintet.ts', 'doctor'], { DATA_DIR: 'elsewhere' })
  await assert.rejects(quintet.address('never'))
  assert.equal(quintet.child.exitCode, 0, quintet.output())
  assert.match(quintet.output(), /^sqlite:elsewhere\/guid\.db {3}GUID_DATABASE_URL$/m)
  assert.match(
    quintet.output(),
    /^sqlite:elsewhere\/queue\.db {3}EVENTS_URL, CERTIFICATES_QUEUE_URL, QUEUE_URL$/m,
  )
  assert.doesNotMatch(quintet.output(), /BROKEN|weak/)
  assert.equal(quintet.output().match(/^ {2}absent {2}There is no such file yet; /gm)?.length, 6)
})

test('quintet doctor examines certificates, API keys, the issuer and the Redis of limits, and fails for what it cannot use', async (t) => {
  const { certificate, key, authority } = tlsFiles(t, undefined, validDays(-1, 90))
  const settings = {
    DATA_DIR: dataFolder(t),
    TLS_CERT_FILE: certificate,
    TLS_KEY_FILE: key,
    GATEWAY_UPSTREAM_CA_FILE: authority,
    AUTH: 'required',
    AUTH_ISSUER: 'http://127.0.0.1:9',
    AUTH_AUDIENCE: 'quintet',
    API_KEYS_FILE: '/nowhere/keys',
    RATE_LIMIT: 'on',
    RATE_LIMIT_URL: 'redis://ada:hidden@127.0.0.1:9',
  }
  const quintet = run(t, ['quintet.ts', 'doctor', 'inventory', 'gateway'], settings)
  await assert.rejects(quintet.address('never'))
  const output = quintet.output()
  assert.equal(quintet.child.exitCode, 1)
  for (const [subject, finding] of [
    ['TLS {3}TLS_CERT_FILE, TLS_KEY_FILE', 'good    TLS_CERT_FILE, .*, which is valid until '],
    ['TLS {3}GATEWAY_UPSTREAM_CA_FILE', 'weak    GATEWAY_UPSTREAM_CA_FILE, .*, in 1 day: renew it'],
    ['http://127.0.0.1:9 {3}AUTH_ISSUER', 'BROKEN  It cannot be examined: '],
    ['/nowhere/keys {3}API_KEYS_FILE', 'BROKEN  API_KEYS_FILE, /nowhere/keys, does not exist: '],
    ['redis://ada:\\[redacted\\]@127.0.0.1:9 {3}RATE_LIMIT_URL', 'BROKEN  It cannot be examined: '],
    ['sqlite:.*inventory.db {3}INVENTORY_DATABASE_URL', 'absent  '],
  ])
    assert.match(output, new RegExp(`^${subject}\n  ${finding}`, 'm'))
  assert.doesNotMatch(output, /hidden/)
  const other = run(t, ['quintet.ts', 'doctor'], { ...settings, TLS_KEY_FILE: authority })
  await assert.rejects(other.address('never'))
  assert.equal(other.child.exitCode, 1)
  assert.match(other.output(), /^ {2}BROKEN {2}TLS_KEY_FILE, .*, has no private key in PEM/m)
  assert.equal(other.output().match(/has no private key/g)?.length, 1)
})

test('quintet migrate down needs a service, since it deletes data', async (t) => {
  const quintet = run(t, ['quintet.ts', 'migrate', 'down'], { DATA_DIR: dataFolder(t) })
  await assert.rejects(quintet.address('never'))
  assert.equal(quintet.child.exitCode, 1)
  assert.match(quintet.output(), /^Reverting deletes data, so it needs one service: /)
})

test('quintet migrate shows, reverts and applies the migrations of a database', async (t) => {
  const DATA_DIR = dataFolder(t)
  const outputs: string[] = []
  for (const action of ['status', 'up', 'status', 'down', 'status']) {
    const quintet = run(t, ['quintet.ts', 'migrate', action, 'guid'], { DATA_DIR })
    await assert.rejects(quintet.address('never'))
    assert.equal(quintet.child.exitCode, 0, quintet.output())
    outputs.push(quintet.output().trim())
  }
  const ofGuid = outputs.map((output) =>
    output.replace(/\nqueue \(EVENTS_URL\): (?:\d{4}-[a-z-]+ pending(?:, |$))+$/, ''),
  )
  assert.equal(ofGuid.filter((output, i) => output !== outputs[i]).length, 3, 'each status has the queue')
  assert.deepEqual(ofGuid, [
    'guid: 0001-create-guid pending, 0002-add-outbox-keys pending, 0003-create-cache-control pending, 0004-create-version-floor pending, 0005-add-owner pending',
    'guid: applied 0001-create-guid, 0002-add-outbox-keys, 0003-create-cache-control, 0004-create-version-floor, 0005-add-owner',
    'guid: 0001-create-guid applied, 0002-add-outbox-keys applied, 0003-create-cache-control applied, 0004-create-version-floor applied, 0005-add-owner applied',
    'guid: reverted 0005-add-owner\nThe next start of guid applies it again.',
    'guid: 0001-create-guid applied, 0002-add-outbox-keys applied, 0003-create-cache-control applied, 0004-create-version-floor applied, 0005-add-owner pending',
  ])
})

test('quintet migrate down in a database that does not exist names it and fails', async (t) => {
  const DATA_DIR = dataFolder(t)
  const quintet = run(t, ['quintet.ts', 'migrate', 'down', 'inventory'], { DATA_DIR })
  await assert.rejects(quintet.address('never'))
  assert.equal(quintet.child.exitCode, 1)
  assert.match(
    quintet.output(),
    /The database file \S+inventory\.db does not exist, so there is nothing to revert/,
  )
})

for (const words of [['strat'], ['start', 'gui'], ['migrate'], ['migrate', 'make', 'guid', '../escape']])
  test(`quintet ${words.join(' ')} is refused with a helpful message`, async (t) => {
    const quintet = run(t, ['quintet.ts', ...words], { DATA_DIR: dataFolder(t) })
    await assert.rejects(quintet.address('never'))
    assert.equal(quintet.child.exitCode, 1)
    assert.doesNotMatch(quintet.output(), /at .*\.ts:\d+/)
  })

test('quintet help names every command and service', async (t) => {
  const quintet = run(t, ['quintet.ts', 'help'], {})
  await assert.rejects(quintet.address('never'))
  assert.equal(quintet.child.exitCode, 0)
  for (const word of ['start', 'config', 'doctor', 'migrate', 'guid', 'gateway'])
    assert.match(quintet.output(), new RegExp(word))
})
