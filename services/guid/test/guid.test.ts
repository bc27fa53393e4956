import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createManualClock } from '@quintet/chassis/testing/clock'
import fc from 'fast-check'
import { createVersions, entryOf, expireError, expireOf, newGuid, parseGuid, textOf } from '../src/guid.ts'

const canonical = fc
  .array(fc.constantFrom(...'0123456789ABCDEF'), { minLength: 32, maxLength: 32 })
  .map((digits) => digits.join(''))
const dash = (guid: string) => guid.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')

test('Every notation of a GUID is parsed to the same canonical form', () => {
  fc.assert(
    fc.property(canonical, (guid) => {
      for (const notation of [guid, guid.toLowerCase(), dash(guid), dash(guid).toLowerCase()])
        assert.equal(parseGuid(notation), guid)
    }),
  )
})

test('Text that differs from a GUID in one character is refused', () => {
  fc.assert(
    fc.property(canonical, fc.nat(31), fc.constantFrom('G', 'g', '-', ' ', '\n', '０'), (guid, at, wrong) => {
      assert.throws(() => parseGuid(guid.slice(0, at) + wrong + guid.slice(at + 1)), { code: 'invalid' })
    }),
  )
})

test('Generated GUIDs have the requested version and are distinct', () => {
  for (const version of ['4', '7'] as const) {
    const made = Array.from({ length: 1_000 }, () => newGuid(version))
    assert.equal(new Set(made).size, 1_000)
    assert.ok(made.every((guid) => parseGuid(guid) === guid && guid[12] === version))
  }
})

test('The text of a response is the JSON of the whole GUID, whatever the name of the user', () => {
  fc.assert(
    fc.property(canonical, fc.string({ unit: 'grapheme' }), fc.nat(253_402_300_799), (guid, user, expire) => {
      const text = textOf(guid, entryOf({ guid, user, expire, version: 1, owner: null }))
      assert.deepEqual(JSON.parse(text), { guid, user, expire: String(expire) })
    }),
  )
})

test('An expiry is in the future while its second has not begun', () => {
  assert.equal(expireError(2, 1_999), undefined)
  assert.match(String(expireError(2, 2_000)), /future/)
  assert.equal(expireError(expireOf(undefined, 0), 0), undefined)
})

test('Versions rise, even when the clock stands still or goes back', () => {
  const clock = createManualClock(1_000)
  const next = createVersions(clock)
  const versions = [next(), next()]
  clock.set(500)
  versions.push(next())
  clock.set(2_000)
  versions.push(next())
  assert.deepEqual(
    versions,
    [...new Set(versions)].sort((a, b) => a - b),
  )
  assert.equal(versions.at(-1), 2_000_000)
})

test('A proposed version is an integer above the one of the database, whatever fractions the clock has', () => {
  const next = createVersions({ now: () => 1_000.4375 })
  const versions = [next(), next(), next(1_000_500.75)]
  assert.deepEqual(versions, [1_000_437, 1_000_438, 1_000_501])
})
