import assert from 'node:assert/strict'
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { Type } from 'typebox'
import { faultsOf, networkList } from '../src/config/index.ts'
import { createAddressLists } from '../src/guard/addresses.ts'
import { createLines } from './log-lines.ts'
import { createManualClock } from './manual-clock.ts'
import { settingsOf } from './settings-contract.ts'

/** Lists on a clock that the test sets; the path of a file is another one in each test. */
function listsOf(t: TestContext, { allow = '', deny = '' }) {
  const clock = createManualClock(Date.parse('2026-12-31T00:00Z'))
  const { logger, lines } = createLines<{ level: string; msg: string; reason?: string }>()
  t.after(() => logger.flush())
  const lists = createAddressLists(
    {
      allow: { setting: 'GATEWAY_ALLOW', list: allow },
      deny: { setting: 'GATEWAY_DENY', list: deny },
      action: 'answer',
    },
    { clock, logger },
  )
  return { lists, refusedBy: (address: string) => lists?.refusedBy(address), clock, lines }
}

function fileWith(t: TestContext, text: string) {
  const folder = mkdtempSync(join(tmpdir(), 'addresses-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'list.txt')
  const write = (changed: string) => {
    writeFileSync(`${path}.new`, changed)
    renameSync(`${path}.new`, path)
  }
  write(text)
  return { path, write }
}

test('Empty lists are no lists', (t) => {
  assert.equal(listsOf(t, {}).lists, undefined)
})

test('A denied address is refused, also if it is allowed; where some are allowed, all others are refused', (t) => {
  const { refusedBy } = listsOf(t, { allow: '10.0.0.0/8, 2001:db8::/32', deny: '10.1.0.0/16,2001:db8::1' })
  for (const [address, expected] of [
    ['10.0.0.1', undefined],
    ['10.1.0.1', 'deny'],
    ['11.0.0.1', 'allow'],
    ['2001:db8::2', undefined],
    ['2001:db8::1', 'deny'],
    ['2001:db9::1', 'allow'],
    ['unknown', 'allow'],
  ] as const)
    assert.equal(refusedBy(address), expected, address)
})

test('A ban ends at its time', (t) => {
  const file = fileWith(t, '192.0.2.1 # until 2027-01-01T00:00Z guessed passwords\n192.0.2.2 # for ever\n')
  const { refusedBy, clock } = listsOf(t, { deny: `@${file.path}` })
  assert.equal(refusedBy('192.0.2.1'), 'deny')
  clock.advance(Date.parse('2027-01-01T00:00Z') - clock.now() - 1)
  assert.equal(refusedBy('192.0.2.1'), 'deny')
  clock.advance(1)
  assert.equal(refusedBy('192.0.2.1'), undefined)
  assert.equal(refusedBy('192.0.2.2'), 'deny')
})

test('A list holds as its file is now; a change that is wrong changes nothing, and is logged once', (t) => {
  const file = fileWith(t, '192.0.2.1\n')
  const { refusedBy, clock, lines } = listsOf(t, { deny: `@${file.path}` })
  assert.equal(refusedBy('192.0.2.1'), 'deny')
  file.write('# The list of today.\n\n192.0.2.2\n')
  clock.advance(1_000)
  assert.equal(refusedBy('192.0.2.1'), undefined)
  assert.equal(refusedBy('192.0.2.2'), 'deny')
  for (const wrong of ['192.0.2.3\n192.0.2.999\n', '192.0.2.3 # until tomorrow\n']) {
    file.write(wrong)
    clock.advance(1_000)
    assert.equal(refusedBy('192.0.2.3'), undefined)
    assert.equal(refusedBy('192.0.2.2'), 'deny')
  }
  rmSync(file.path)
  clock.advance(1_000)
  assert.equal(refusedBy('192.0.2.2'), 'deny')
  const warnings = lines.filter(({ level }) => level === 'warn')
  assert.equal(warnings.length, 1)
  assert.equal(warnings[0]?.reason, 'line 2 must be an address or a subnet, but is "192.0.2.999"')
  file.write('192.0.2.4\n')
  clock.advance(1_000)
  assert.equal(refusedBy('192.0.2.4'), 'deny')
  assert.equal(refusedBy('192.0.2.2'), undefined)
})

test('A setting that names no list is refused with the entry, the line or the reason', (t) => {
  const schema = Type.Object({ GATEWAY_DENY: networkList('For tests.') })
  const file = fileWith(t, '192.0.2.1\n\n10.0.0.0/33\n')
  for (const [list, fault] of [
    ['10.0.0.0/8, 300.1.1.1', '(an entry: must be an address or a subnet, but is "300.1.1.1")'],
    ['fe80::1%eth0', '(an entry: must be an address or a subnet, but is "fe80::1%eth0")'],
    ['10.0.0.1,', '(an entry: must be an address or a subnet, but is "")'],
    [`@${file.path}`, `(${file.path}: line 3 must be an address or a subnet, but is "10.0.0.0/33")`],
    [`@${file.path}.gone`, `(${file.path}.gone does not exist)`],
  ] as const) {
    const faults = faultsOf(schema, settingsOf({ GATEWAY_DENY: list }))
    assert.equal(faults.length, 1)
    assert.ok(String(faults[0]).includes(fault), String(faults[0]))
  }
  for (const list of ['', '::1', '10.0.0.0/8,2001:db8::/32'])
    assert.deepEqual(faultsOf(schema, settingsOf({ GATEWAY_DENY: list })), [])
})
