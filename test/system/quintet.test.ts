import assert from 'node:assert/strict'
import { test } from 'node:test'
import { call, dataFolder, run } from './processes.ts'

test('quintet start brings up all services, one line each, and they work together through the gateway', async (t) => {
  const quintet = run(t, ['quintet.ts', 'start'], { DATA_DIR: dataFolder(t), LOG_LEVEL: 'warn' })
  const gateway = await quintet.address('gateway')
  const guid = await quintet.address('guid')
  assert.deepEqual(
    quintet
      .output()
      .trim()
      .split('\n')
      .map((line) => line.split(' ', 1)[0]),
    ['guid', 'brokerage', 'certificates', 'inventory', 'billing', 'gateway'],
  )
  assert.deepEqual((await call('GET', `${gateway}/api/movies`))?.body, [])
  assert.deepEqual((await call('GET', `${gateway}/certificates`))?.body, [])
  const created = await call('POST', `${gateway}/guid`, { user: 'ada' })
  assert.equal(created?.status, 201)
  const { guid: name } = Object(created?.body)
  assert.deepEqual((await call('GET', `${guid}/guid/${name}`))?.body, created?.body)
  assert.deepEqual((await call('GET', `${gateway}/guid/${name}`))?.body, created?.body)
  assert.equal((await call('PATCH', `${gateway}/guid/${name}`, { user: 'eve' }))?.status, 200)
  assert.equal(Object((await call('GET', `${gateway}/guid/${name}`))?.body).user, 'eve')
  assert.equal((await call('DELETE', `${gateway}/guid/${name}`))?.status, 204)
  assert.equal((await call('GET', `${gateway}/guid/${name}`))?.status, 404)
  assert.equal(await quintet.kill('SIGTERM'), 0)
})

test('quintet start guid and a gateway in another process work together', async (t) => {
  const DATA_DIR = dataFolder(t)
  const guid = await run(t, ['quintet.ts', 'start', 'guid'], { DATA_DIR }).address('guid')
  const gateway = await run(t, ['services/gateway/src/main.ts'], { GUID_URL: guid }).address('gateway')
  const created = await call('POST', `${gateway}/guid`, { user: 'ada' })
  assert.equal(created?.status, 201)
  assert.equal(created?.headers.get('location'), `/guid/${Object(created?.body).guid}`)
})

test('Data is there after a restart', async (t) => {
  const DATA_DIR = dataFolder(t)
  const first = run(t, ['quintet.ts', 'start', 'guid'], { DATA_DIR })
  const created = await call('POST', `${await first.address('guid')}/guid`, { user: 'ada' })
  await first.kill('SIGTERM')
  const second = await run(t, ['quintet.ts', 'start', 'guid'], { DATA_DIR }).address('guid')
  assert.deepEqual((await call('GET', `${second}/guid/${Object(created?.body).guid}`))?.body, created?.body)
})

for (const words of [['quintet.ts', 'start'], ['services/guid/src/main.ts']])
  test(`Bad settings end ${words.join(' ')} at once with a sentence for each`, async (t) => {
    const quintet = run(t, words, { DATA_DIR: dataFolder(t), GUID_PORT: 'abc', LOG_LEVEL: 'loud' })
    await assert.rejects(quintet.address('guid'))
    assert.equal(quintet.child.exitCode, 1)
    assert.match(
      quintet.output(),
      /^GUID_PORT must be an integer from 0 to 65535, but is "abc" \(from the environment\)\.$/m,
    )
    assert.match(quintet.output(), /^LOG_LEVEL must be /m)
    assert.doesNotMatch(quintet.output(), /at .*\.ts:\d+/)
  })

test('A port that is taken ends the start with a sentence, and leaves the storage to others', async (t) => {
  const DATA_DIR = dataFolder(t)
  const GUID_PORT = new URL(await run(t, ['quintet.ts', 'start', 'guid'], { DATA_DIR }).address('guid')).port
  for (const words of [['quintet.ts', 'start', 'guid'], ['services/guid/src/main.ts']]) {
    const second = run(t, words, { DATA_DIR, GUID_PORT })
    await assert.rejects(second.address('guid'))
    assert.equal(second.child.exitCode, 1)
    assert.equal(second.output(), `Cannot listen on 127.0.0.1, port ${GUID_PORT}: another program does.\n`)
  }
})

test('quintet config shows each setting once, with its value and its source', async (t) => {
  const quintet = run(t, ['quintet.ts', 'config'], { DATA_DIR: 'elsewhere', GUID_PROT: '1' })
  await assert.rejects(quintet.address('never'))
  assert.equal(quintet.child.exitCode, 0)
  assert.match(quintet.output(), /^GUID_DATABASE_URL +sqlite:elsewhere\/guid\.db +default /m)
  assert.match(quintet.output(), /^DATA_DIR +elsewhere +environment /m)
  assert.match(quintet.output(), /^GUID_PROT is not a setting; did you mean GUID_PORT\?$/m)
})

test('quintet migrate looks at, takes back and applies the changes of a database', async (t) => {
  const DATA_DIR = dataFolder(t)
  const outputs: string[] = []
  for (const action of ['status', 'up', 'status', 'down', 'status']) {
    const quintet = run(t, ['quintet.ts', 'migrate', action, 'guid'], { DATA_DIR })
    await assert.rejects(quintet.address('never'))
    assert.equal(quintet.child.exitCode, 0, quintet.output())
    outputs.push(quintet.output().trim())
  }
  assert.deepEqual(outputs, [
    'guid: 0001-create-guid pending',
    'guid: 0001-create-guid',
    'guid: 0001-create-guid applied',
    'guid: 0001-create-guid',
    'guid: 0001-create-guid pending',
  ])
})

for (const words of [['strat'], ['start', 'gui'], ['migrate'], ['migrate', 'make', 'guid', '../escape']])
  test(`quintet ${words.join(' ')} is refused with words that help`, async (t) => {
    const quintet = run(t, ['quintet.ts', ...words], { DATA_DIR: dataFolder(t) })
    await assert.rejects(quintet.address('never'))
    assert.equal(quintet.child.exitCode, 1)
    assert.doesNotMatch(quintet.output(), /at .*\.ts:\d+/)
  })

test('quintet help names every command and service', async (t) => {
  const quintet = run(t, ['quintet.ts', 'help'], {})
  await assert.rejects(quintet.address('never'))
  assert.equal(quintet.child.exitCode, 0)
  for (const word of ['start', 'config', 'migrate', 'guid', 'gateway'])
    assert.match(quintet.output(), new RegExp(word))
})
