import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { sendTrusting } from '@quintet/console/send'
import { until } from '@quintet/chassis/testing'
import { authority, tlsFiles } from '@quintet/chassis/testing/tls'
import { dataFolder, run } from './processes.ts'

const token = 'a-token-of-the-console-that-is-long-enough'

/** Runs `quintet services` to its end, with a console at this address. */
async function servicesCommand(
  t: TestContext,
  url: string,
  words: readonly string[],
  settings: Record<string, string> = {},
) {
  const command = run(t, ['quintet.ts', 'services', ...words], {
    CONSOLE_PORT: new URL(url).port,
    ...settings,
  })
  await once(command.child, 'close')
  return { code: command.child.exitCode, output: command.output() }
}

test('quintet services shows, stops and starts a service of the process of the console, with its outcome in words', async (t) => {
  const quintet = run(t, ['quintet.ts', 'start', 'inventory', 'console'], { DATA_DIR: dataFolder(t) })
  const url = await quintet.address('console')
  const inventory = await quintet.address('inventory')
  const listed = await servicesCommand(t, url, ['list'])
  assert.equal(listed.code, 0)
  assert.match(listed.output, /^inventory +up +since \S+Z +http:\/\/127\.0\.0\.1:\d+$/m)
  assert.match(listed.output, /^guid +unreachable .* in another process +It does not respond at http/m)
  const stopped = await servicesCommand(t, url, ['stop', 'inventory'])
  assert.deepEqual(stopped, { code: 0, output: 'inventory is stopped\n' })
  await assert.rejects(fetch(inventory))
  const restarted = await servicesCommand(t, url, ['restart', 'inventory', '--json'])
  assert.equal(restarted.code, 0)
  assert.equal(JSON.parse(restarted.output).state, 'up')
  assert.equal((await fetch(`${inventory}/api/movies`)).status, 200)
  const elsewhere = await servicesCommand(t, url, ['stop', 'guid'])
  assert.deepEqual(elsewhere, { code: 1, output: 'guid runs in another process; stop it there.\n' })
  assert.equal(await quintet.kill('SIGTERM'), 0)
})

test('The console and its commands reach a system with TLS, whatever name and authority its certificates are of', async (t) => {
  const ofGateway = tlsFiles(t, authority(), { names: ['api.example.com'] })
  const shared = tlsFiles(t, authority())
  const settings = {
    DATA_DIR: dataFolder(t),
    GATEWAY_TLS_CERT_FILE: ofGateway.certificate,
    GATEWAY_TLS_KEY_FILE: ofGateway.key,
    TLS_CERT_FILE: shared.certificate,
    TLS_KEY_FILE: shared.key,
    GATEWAY_UPSTREAM_CA_FILE: shared.authority,
  }
  const quintet = run(t, ['quintet.ts', 'start', '--workers', '1'], settings)
  const url = await quintet.address('console')
  assert.match(url, /^https:/)
  const send = sendTrusting(() => ({ own: readFileSync(shared.certificate, 'utf8') }))
  const request = { headers: { accept: 'application/json' }, signal: AbortSignal.timeout(20_000) }
  const movies = await send(`${url}/api/data/api/movies`, request)
  assert.deepEqual([movies.status, await movies.json()], [200, []])
  const listed = await servicesCommand(t, url, ['list'], settings)
  assert.equal(listed.code, 0, listed.output)
  assert.match(listed.output, /^gateway +up .*https:/m)
  assert.match(listed.output, /^inventory +up .*https:/m)
})

test('A console alone shows services elsewhere, to whoever has its token', async (t) => {
  const inventory = run(t, ['quintet.ts', 'start', 'inventory'], { DATA_DIR: dataFolder(t) })
  const INVENTORY_URL = await inventory.address('inventory')
  // Those of services need not be valid.
  const ofGateway = { GATEWAY_TIMEOUT_MS: 'soon' }
  const settings = { INVENTORY_URL, CONSOLE_TOKEN: token, DATA_DIR: dataFolder(t), ...ofGateway }
  const quintet = run(t, ['quintet.ts', 'start', 'console'], settings)
  const url = await quintet.address('console')
  assert.doesNotMatch(quintet.output(), new RegExp(token))
  const refused = await servicesCommand(t, url, ['list'])
  assert.equal(refused.code, 1)
  assert.match(refused.output, /^Sign in, or send a token\. Set CONSOLE_TOKEN /)
  const listed = await servicesCommand(t, url, ['list'], { CONSOLE_TOKEN: token })
  assert.match(listed.output, /^inventory +up .* in another process$/m)
  const missing = await servicesCommand(t, 'http://127.0.0.1:1', ['list'])
  assert.match(missing.output, /^The console does not respond at http:\/\/127\.0\.0\.1:1: /)
})

test('Services elsewhere send their traces to a console alone, by a token that is for nothing else', async (t) => {
  const forTelemetry = 'a-token-for-telemetry-that-is-long-enough'
  const settings = { CONSOLE_TOKEN: token, CONSOLE_TELEMETRY_TOKEN: forTelemetry, DATA_DIR: dataFolder(t) }
  const url = await run(t, ['quintet.ts', 'start', 'console'], settings).address('console')
  const inventory = run(t, ['quintet.ts', 'start', 'inventory'], {
    DATA_DIR: dataFolder(t),
    TELEMETRY_URL: 'none:',
    OTLP_URL: url,
    OTLP_HEADERS: `authorization=Bearer%20${forTelemetry}`,
  })
  const response = await fetch(`${await inventory.address('inventory')}/api/movies`)
  const traces = async (bearer: string) =>
    fetch(`${url}/api/traces`, { headers: { authorization: `Bearer ${bearer}` } })
  await until(async () => {
    const { data } = Object(await (await traces(token)).json())
    return data.some(
      ({ requestId }: { requestId: string }) => requestId === response.headers.get('x-request-id'),
    )
  })
  assert.equal((await traces(forTelemetry)).status, 403)
})

test('A console that cannot run, or that would be open to others, ends the start with all that is wrong', async (t) => {
  const first = run(t, ['quintet.ts', 'start', 'console'], { DATA_DIR: dataFolder(t) })
  const CONSOLE_PORT = new URL(await first.address('console')).port
  for (const [settings, sentence] of [
    [{ CONSOLE_PORT }, `console cannot listen on 127.0.0.1, port ${CONSOLE_PORT}: another program does.`],
    [{ CONSOLE_HOST: '0.0.0.0' }, 'CONSOLE_HOST is 0.0.0.0, which others reach, but nothing says who may'],
    [{ CONSOLE_PORT: '8181', GUID_PORT: '8181' }, 'GUID_PORT and CONSOLE_PORT are both 8181: '],
    [
      { CONSOLE_TOKEN: 'short', CONSOLE: 'maybe' },
      'CONSOLE must be full, read, off, or empty, but is "maybe"',
    ],
    [{ CONSOLE_PROT: '1' }, 'CONSOLE_PROT is not a setting; did you mean CONSOLE_PORT?'],
    [{ CONSOLE: 'off' }, 'CONSOLE is off, so there is no console to start: set it to full or read.'],
  ] as const) {
    const words = ['quintet.ts', 'start', 'guid', 'console']
    // A fault besides, since a misspelled name alone is a warning.
    const quintet = run(t, words, { DATA_DIR: dataFolder(t), ...settings, LOG_LEVEL: 'loud' })
    await assert.rejects(quintet.address('console'))
    assert.equal(quintet.child.exitCode, 1)
    assert.ok(quintet.output().includes(sentence), quintet.output())
  }
})
