import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { appendFileSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { until } from '@quintet/chassis/testing'
import { call, dataFolder, root, run } from '../system/processes.ts'

/** With AUDIT_REQUIRED nothing is changed without its line, whatever happens to the process and to the disk. */

type Line = Readonly<Record<string, unknown>> & { readonly effect?: { readonly id: string } }

const start = ['quintet.ts', 'start']

function linesOf(...files: string[]): Line[] {
  const lines = files.flatMap((file) => readFileSync(file, 'utf8').split('\n'))
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line))
}

function quintet(...words: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['quintet.ts', 'audit', ...words], {
    cwd: root,
    encoding: 'utf8',
  })
  return { status, text: stdout + stderr }
}

test('kill -9 amid writes: every acknowledged write has its lines, and the chain goes on behind a line that was not finished', async (t) => {
  const DATA_DIR = dataFolder(t)
  const AUDIT_LOG = join(DATA_DIR, 'audit.log')
  const file = join(DATA_DIR, 'audit.inventory.log')
  const acknowledged = new Map<string, string>()
  for (let round = 1; round <= 4; round++) {
    const system = run(t, [...start, 'inventory'], {
      ...{ DATA_DIR, AUDIT_LOG, AUDIT_REQUIRED: 'on', LOG_LEVEL: 'warn' },
    })
    const inventory = await system.address('inventory')
    let isOver = false
    const clients = Array.from({ length: 16 }, async (_, client) => {
      for (let i = 0; !isOver; i++) {
        const id = `${round}-${client}-${i}`
        const movie = { title: id, description: '' }
        const response = await call('POST', `${inventory}/api/movies`, movie, { 'x-request-id': id })
        if (response?.status === 201) acknowledged.set(id, response.headers.get('location') ?? '')
      }
    })
    const target = round * 60
    await until(() => acknowledged.size >= target)
    await system.kill('SIGKILL')
    isOver = true
    await Promise.all(clients)
    appendFileSync(file, '{"audit":"inventory","number":')
  }
  await run(t, [...start, 'inventory'], { DATA_DIR, AUDIT_LOG, AUDIT_REQUIRED: 'on' }).address('inventory')
  await until(() => linesOf(file).filter(({ kind }) => kind === 'start').length === 5)
  const lines = linesOf(file)
  const effects = new Map(
    lines.filter(({ kind }) => kind === 'outcome').map(({ request, effect }) => [request, effect?.id]),
  )
  const intents = new Set(lines.filter(({ kind }) => kind === 'intent').map(({ request }) => request))
  for (const [id, location] of acknowledged) {
    assert.ok(intents.has(id), id)
    assert.equal(effects.get(id), location)
  }
  const verified = quintet('verify', file)
  assert.equal(verified.status, 0, verified.text)
  assert.match(
    verified.text,
    /^Valid up to line \d+ of .*audit\.inventory\.log: \d+ lines of inventory\. The last hash is [\da-f]{64}\.$/m,
  )
})

test('On a full disk a write is 503 and changes nothing, and once there is space the chain goes on', async (t) => {
  const DATA_DIR = dataFolder(t)
  const AUDIT_LOG = join(DATA_DIR, 'audit.log')
  const file = join(DATA_DIR, 'audit.inventory.log')
  const settings = { DATA_DIR, AUDIT_LOG, AUDIT_REQUIRED: 'on', LOG_LEVEL: 'warn' }
  const first = run(t, [...start, 'inventory'], settings)
  const address = await first.address('inventory')
  const post = (url: string, title: string) =>
    call('POST', `${url}/api/movies`, { title, description: 'x'.repeat(100) })
  assert.equal((await post(address, 'before'))?.status, 201)
  await first.kill('SIGTERM')
  // No file may be larger than this one with the line of a start; those of the database are smaller.
  const kibibytes = 2_048
  fill(file, kibibytes * 1_024 - 250)

  const limit = `ulimit -f ${kibibytes} || exit 9; exec ${process.execPath} ${start.join(' ')} inventory`
  const system = run(t, ['-c', limit], settings, root, 'bash')
  const inventory = await system.address('inventory')
  for (const title of ['full', 'still full']) {
    const refused = await post(inventory, title)
    assert.equal(refused?.status, 503)
    assert.match(JSON.stringify(refused.body), /The audit log cannot be written, and nothing was changed/)
  }
  assert.equal(linesOf(file).at(-1)?.kind, 'start')
  const titles = async () => {
    const { body } = (await call('GET', `${inventory}/api/movies`)) ?? {}
    return JSON.stringify(body).match(/"title":"[^"]*"/g)
  }
  assert.deepEqual(await titles(), ['"title":"before"'])
  renameSync(file, `${file}.1`)
  await pause(300)
  assert.equal((await post(inventory, 'after'))?.status, 201)
  assert.deepEqual(await titles(), ['"title":"before"', '"title":"after"'])
  const verified = quintet('verify', `${file}.1`, file)
  assert.equal(verified.status, 0, verified.text)
})

test('What comes of a message has its lines in the service that has the effect, with the id of the request', async (t) => {
  const DATA_DIR = dataFolder(t)
  const system = run(t, [...start, 'guid', 'billing', 'gateway'], {
    ...{ DATA_DIR, AUDIT_LOG: join(DATA_DIR, 'audit.log'), AUDIT_REQUIRED: 'on', LOG_LEVEL: 'warn' },
  })
  const gateway = await system.address('gateway')
  const of = (service: string) => linesOf(join(DATA_DIR, `audit.${service}.log`))
  const order = { user_id: '3', number_of_items: '5', total_amount: '180' }
  const posted = await call('POST', `${gateway}/api/billing`, order, { 'x-request-id': 'order-1' })
  const { message_id: message }: { message_id?: string } = Object(posted?.body)
  assert.deepEqual(of('gateway').at(-1)?.effect, { id: message, version: null })
  await until(() => of('billing').length === 3)
  const [, intent, outcome] = of('billing')
  for (const line of [intent, outcome])
    assert.deepEqual([line?.queue, line?.message, line?.request], ['billing_queue', message, 'order-1'])
  assert.equal(outcome?.result, 'done')

  const accepted = await call('POST', `${gateway}/guid`, { user: 'ada' }, { prefer: 'respond-async' })
  const location = accepted?.headers.get('location') ?? ''
  await until(() => of('guid').length === 5)
  const kinds = of('guid').map(({ kind, message, effect }) => [kind, message ?? effect?.id])
  const operation = location.replace('/operations/', '')
  assert.deepEqual(
    kinds.slice(1).sort(),
    [
      ['intent', undefined],
      ['intent', operation],
      ['outcome', location],
      ['outcome', operation],
    ].sort(),
  )
  // A forwarded write has its lines where its effect is.
  assert.equal(of('gateway').length, 3)
})

test('Each worker has a file of its own, and the chain of each is whole', async (t) => {
  const DATA_DIR = dataFolder(t)
  const system = run(t, [...start, 'inventory', '--workers', '2'], {
    ...{ DATA_DIR, AUDIT_LOG: join(DATA_DIR, 'audit.log'), AUDIT_REQUIRED: 'on', LOG_LEVEL: 'warn' },
  })
  const inventory = await system.address('inventory')
  const ids = Array.from({ length: 40 }, (_, i) => `request-${i}`)
  await Promise.all(
    ids.map((id) =>
      call(
        'POST',
        `${inventory}/api/movies`,
        { title: id, description: '' },
        {
          'x-request-id': id,
          connection: 'close',
        },
      ),
    ),
  )
  const files = [1, 2].map((worker) => join(DATA_DIR, `audit.inventory.${worker}.log`))
  const written = linesOf(...files).filter(({ kind }) => kind === 'outcome')
  assert.deepEqual(written.map(({ request }) => request).sort(), ids.sort())
  for (const file of files) assert.equal(quintet('verify', file).status, 0)
})

/** Continues the chain of a file up to a size. */
function fill(file: string, bytes: number): void {
  const script = `
    import { openAuditFile } from ${JSON.stringify(join(root, 'chassis/src/audit/audit-file.ts'))}
    import { hashOf, lineAfter } from ${JSON.stringify(join(root, 'chassis/src/audit/chain.ts'))}
    const file = await openAuditFile(${JSON.stringify(file)})
    let { end } = file, text = '', size = ${statSync(file).size}
    const lineOf = (length) =>
      lineAfter(end, 'inventory', { kind: 'refusal', path: 'x'.repeat(length) }) + String.fromCharCode(10)
    while (size < ${bytes}) {
      const room = ${bytes} - size
      const line = lineOf(room > 2_400 ? 1_000 : room - lineOf(0).length)
      end = { number: end.number + 1, hash: hashOf(line.trimEnd()) }
      size += line.length
      text += line
    }
    await file.append(text)
    await file.close()`
  const path = `${file}.fill.mjs`
  writeFileSync(path, script)
  const { status, stderr } = spawnSync(process.execPath, [path], { encoding: 'utf8' })
  assert.equal(status, 0, stderr)
}
