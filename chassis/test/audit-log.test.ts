import assert from 'node:assert/strict'
import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { systemClock } from '@quintet/chassis/clock'
import { createLogger } from '@quintet/chassis/telemetry'
import { until } from '@quintet/chassis/testing'
import { openAuditFile } from '../src/audit/audit-file.ts'
import type { AuditSink } from '../src/audit/audit-file.ts'
import { createAuditLog } from '../src/audit/audit-log.ts'
import { beginning } from '../src/audit/chain.ts'
import { verifyAudit } from '../src/audit/verify.ts'
import { createManualClock } from './manual-clock.ts'

const logger = createLogger({ service: 'test', level: 'silent' })

function pathIn(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'quintet-audit-'))
  t.after(() => rmSync(folder, { recursive: true }))
  return join(folder, 'audit.sample.log')
}

function logOn(sink: AuditSink, isRequired = true) {
  return createAuditLog(sink, { chain: 'sample', isRequired, clock: systemClock, logger, waitingMax: 100 })
}

const intent = { kind: 'intent', path: '/movies' } as const
const outcome = { kind: 'outcome', path: '/movies' } as const
const kindsIn = (path: string): string[] =>
  readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line).kind)

test('Lines are on the disk once an intent resolves, in a file for its owner alone, and each start continues the chain', async (t) => {
  const path = pathIn(t)
  for (const starts of [1, 2]) {
    const log = logOn(await openAuditFile(path))
    await log.intend(intent)
    assert.deepEqual(kindsIn(path).slice(-2), ['start', 'intent'])
    await log.record(outcome)
    await log.close()
    const { fault, lines, isWhole } = await verifyAudit([path])
    assert.deepEqual([fault, lines, isWhole], [undefined, 3 * starts, true])
  }
  assert.equal(statSync(path).mode & 0o777, 0o600)
})

test('A line that a killed process has not finished is cut off at the next start, which says so, and the chain goes on', async (t) => {
  const path = pathIn(t)
  const first = logOn(await openAuditFile(path))
  await first.intend(intent)
  await first.close()
  for (const torn of ['{"audit":"sample","number":3,"ti', '{']) {
    appendFileSync(path, torn)
    const next = logOn(await openAuditFile(path))
    await next.intend(intent)
    await next.close()
    const start = readFileSync(path, 'utf8').trim().split('\n').at(-2) ?? ''
    assert.equal(JSON.parse(start).tornBytes, torn.length)
    assert.equal((await verifyAudit([path])).fault, undefined)
  }
  truncateSync(path, 20)
  const anew = logOn(await openAuditFile(path))
  await anew.intend(intent)
  await anew.close()
  assert.deepEqual(kindsIn(path), ['start', 'intent'])
})

test('A file that is no audit log is refused and left as it is', async (t) => {
  const path = pathIn(t)
  for (const text of ['id,name\n1,ada', 'hello', '{"audit":"sample"}\n\n', `${'x'.repeat(300_000)}`]) {
    writeFileSync(path, text)
    await assert.rejects(openAuditFile(path), /is not an audit log$/)
    assert.equal(readFileSync(path, 'utf8'), text)
  }
})

test('A file has one writer: another process, or another service, is refused', async (t) => {
  const path = pathIn(t)
  const first = await openAuditFile(path)
  await assert.rejects(openAuditFile(path), /^Error: another process writes to it$/)
  await first.close()
  await (await openAuditFile(path)).close()
})

test('When the file is renamed or removed, the chain goes on in a new one', async (t) => {
  const path = pathIn(t)
  const log = logOn(await openAuditFile(path))
  await log.intend(intent)
  renameSync(path, `${path}.1`)
  await pause(300)
  await log.intend(intent)
  const rotated = await verifyAudit([`${path}.1`, path])
  assert.deepEqual([rotated.fault, rotated.lines, rotated.isWhole], [undefined, 3, true])
  assert.equal(statSync(path).mode & 0o777, 0o600)
  rmSync(path)
  await pause(300)
  await log.intend(intent)
  await log.close()
  assert.ok(existsSync(path))
  const { fault } = await verifyAudit([`${path}.1`, path])
  assert.match(fault?.reason ?? '', /line[s]? 3 to 3 of the chain are missing/)
})

test('What several callers write at a time shares one wait for the disk', async (t) => {
  const file = await openAuditFile(pathIn(t))
  let syncs = 0
  const log = logOn({ ...file, sync: () => file.sync().finally(() => (syncs += 1)) })
  await Promise.all(Array.from({ length: 90 }, () => log.intend(intent)))
  assert.ok(syncs <= 3, `${syncs} waits`)
  await log.close()
})

test('While the disk is full an intent is refused with 503 and is not in the file; outcomes wait, and are written once there is space', async (t) => {
  const path = pathIn(t)
  const file = await openAuditFile(path)
  let isFull = false
  const log = logOn({
    ...file,
    append: async (text) => {
      if (isFull) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })
      return file.append(text)
    },
  })
  await log.intend(intent)
  isFull = true
  await log.record(outcome)
  await assert.rejects(log.intend({ ...intent, path: '/refused' }), { code: 'dependency_down', status: 503 })
  assert.equal(log.counts.failures, 2)
  assert.equal(log.counts.waiting(), 1)
  isFull = false
  await log.intend(intent)
  assert.deepEqual(kindsIn(path), ['start', 'intent', 'outcome', 'intent'])
  assert.doesNotMatch(readFileSync(path, 'utf8'), /refused/)
  await log.close()
  assert.equal((await verifyAudit([path])).fault, undefined)
})

test('While the disk is full nobody waits, however many lines do', async (t) => {
  const path = pathIn(t)
  const file = await openAuditFile(path)
  let isFull = true
  const log = createAuditLog(
    {
      ...file,
      append: async (text) => {
        if (isFull) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })
        return file.append(text)
      },
    },
    { chain: 'sample', isRequired: true, clock: systemClock, logger },
  )
  // More than are written at once.
  await Promise.all(Array.from({ length: 1_200 }, () => log.record(outcome)))
  await assert.rejects(log.intend(intent), { code: 'dependency_down', status: 503 })
  isFull = false
  await log.close()
  assert.deepEqual([kindsIn(path).length, (await verifyAudit([path])).fault], [1_201, undefined])
})

test('A slow file holds a bounded number of lines, and the next line says how many were lost', async (t) => {
  const path = pathIn(t)
  const file = await openAuditFile(path)
  const { promise: isFast, resolve: speedUp } = Promise.withResolvers<void>()
  const log = logOn({ ...file, append: async (text) => isFast.then(() => file.append(text)) }, false)
  for (let i = 0; i < 120; i++) void log.record(outcome)
  assert.ok(log.counts.waiting() <= 101)
  assert.ok(log.counts.omitted > 0)
  speedUp()
  await log.close()
  const { fault, omitted } = await verifyAudit([path])
  assert.equal(fault, undefined)
  assert.equal(omitted, log.counts.omitted)
})

type Line = Readonly<Record<string, unknown>> & { readonly kind: string; readonly count?: number }

/** A log with a clock that the test sets; `refuse` adds refusals that are alike. */
async function refusing(t: TestContext, options: { waitingMax?: number; refusalIntervalMs?: number } = {}) {
  const path = pathIn(t)
  const clock = createManualClock(Date.UTC(2030, 0, 1))
  const file = await openAuditFile(path)
  const log = createAuditLog(file, { chain: 'sample', isRequired: true, clock, logger, ...options })
  const lines = (): Line[] =>
    readFileSync(path, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line))
  let refused = 0
  return {
    log,
    clock,
    refuse(times: number, network: string, policy = 'unauthorized', principal: string | null = null) {
      refused += times
      for (let i = 0; i < times; i++) log.refuse({ kind: 'refusal', principal, policy, status: 401 }, network)
    },
    lines,
    /** Closes the log, whose lines must be whole and account for each refusal. */
    async close() {
      await log.close()
      const { fault, omitted } = await verifyAudit([path])
      assert.deepEqual([fault, omitted], [undefined, 0])
      const all = lines()
      const own = all.filter(({ kind }) => kind === 'refusal').length
      const counted = all.reduce((sum, { count = 0 }) => sum + count, 0)
      assert.equal(own + counted, refused)
      assert.equal(log.counts.refusalsCounted, counted)
      return { lines: all, own, summaries: all.filter(({ kind }) => kind === 'refusals') }
    },
  }
}

test('Of the refusals of one kind from one network ten in a minute have lines, and one line counts the others', async (t) => {
  const { refuse, clock, close } = await refusing(t)
  refuse(1_000, '192.0.2.1')
  clock.advance(59_999)
  refuse(1, '192.0.2.1')
  clock.advance(1)
  refuse(11, '192.0.2.1')
  refuse(1, '192.0.2.2')
  const { summaries, own } = await close()
  assert.equal(own, 21)
  const group = { policy: 'unauthorized', network: '192.0.2.1' }
  assert.deepEqual(
    summaries.map(({ since, count, groups, others }) => ({ since, count, groups, others })),
    [
      { since: '2030-01-01T00:00:00.000Z', count: 991, groups: [{ ...group, count: 991 }], others: 0 },
      { since: '2030-01-01T00:01:00.000Z', count: 1, groups: [{ ...group, count: 1 }], others: 0 },
    ],
  )
})

test('A flood of refusals displaces no line of another kind, another network or a principal', async (t) => {
  const { refuse, close } = await refusing(t)
  refuse(500, '192.0.2.1')
  refuse(1, '192.0.2.1', 'quota_exceeded')
  refuse(1, '192.0.2.2')
  for (let i = 0; i < 200; i++) refuse(1, `2001:db8:0:${i}`)
  refuse(500, '192.0.2.1', 'insufficient_scope', 'key:ci')
  refuse(1, '192.0.2.1', 'insufficient_scope', 'key:other')
  const { lines } = await close()
  const linesOf = (members: object) =>
    lines.filter((line) => Object.entries(members).every(([name, value]) => line[name] === value)).length
  assert.equal(linesOf({ kind: 'refusal', policy: 'quota_exceeded' }), 1)
  assert.equal(linesOf({ kind: 'refusal', principal: null }), 100)
  assert.equal(linesOf({ kind: 'refusal', principal: 'key:ci' }), 10)
  assert.equal(linesOf({ kind: 'refusal', principal: 'key:other' }), 1)
})

test('Refusals from any number of networks have a hundred lines, and the line with the counts has a bound', async (t) => {
  const { refuse, close } = await refusing(t)
  for (let i = 0; i < 5_000; i++) refuse(2, `2001:db8:${i >> 8}:${i & 255}`, 'quota_exceeded')
  refuse(100, '192.0.2.1')
  const { own, summaries } = await close()
  assert.equal(own, 100)
  const { groups, count, others } = Object(summaries[0])
  assert.ok(Array.isArray(groups))
  assert.deepEqual([summaries.length, groups.length, count], [1, 50, 10_000])
  const named = groups.reduce((sum: number, group: { count: number }) => sum + group.count, 0)
  assert.equal(named + Number(others), 10_000)
})

test('While the file takes no lines refusals are counted, and leave room for the lines about effects', async (t) => {
  const path = pathIn(t)
  const file = await openAuditFile(path)
  const { promise: takesLines, resolve: open } = Promise.withResolvers<void>()
  const clock = createManualClock(Date.UTC(2030, 0, 1))
  const append: AuditSink['append'] = async (text) => takesLines.then(() => file.append(text))
  const log = createAuditLog(
    { ...file, append },
    { chain: 'sample', isRequired: true, clock, logger, waitingMax: 100 },
  )
  for (let minute = 0; minute < 50; minute++) {
    for (let i = 0; i < 100; i++) log.refuse({ kind: 'refusal', policy: 'few' }, `192.0.2.${i}`)
    clock.advance(60_000)
  }
  assert.ok(log.counts.waiting() <= 60, `${log.counts.waiting()}`)
  const intents = Array.from({ length: 40 }, () => log.intend(intent))
  open()
  await Promise.all(intents)
  await log.close()
  const lines = readFileSync(path, 'utf8').trim().split('\n')
  const own = lines.filter((line) => line.includes('"kind":"refusal"')).length
  const counts = lines.map((line) => Number(JSON.parse(line).count ?? 0))
  assert.equal(own + counts.reduce((sum, count) => sum + count, 0), 5_000)
  assert.equal((await verifyAudit([path])).omitted, 0)
})

test('Refusals are counted in a line when the interval is over, also if no more of them come', async (t) => {
  const { refuse, lines, close } = await refusing(t, { refusalIntervalMs: 20 })
  refuse(20, '192.0.2.1')
  await until(() => lines().some(({ kind }) => kind === 'refusals'))
  refuse(1, '192.0.2.1')
  const { summaries } = await close()
  assert.deepEqual(
    summaries.map(({ count }) => count),
    [10],
  )
})

test('An intent is refused while too many lines wait, since nothing may happen without its line', async () => {
  const sink: AuditSink = {
    ...{ end: beginning, tornBytes: 0 },
    append: () => new Promise(() => {}),
    sync: async () => {},
    close: async () => {},
  }
  const log = logOn(sink)
  for (let i = 0; i < 120; i++) void log.record(outcome)
  await assert.rejects(log.intend(intent), { code: 'dependency_down' })
})
