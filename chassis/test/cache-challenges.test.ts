import { test } from 'node:test'
import type { TestContext } from 'node:test'
import type { ControlRow } from '@quintet/chassis/cache'
import { createChallenges } from '../src/cache/redis/challenges.ts'
import { createManualClock } from './manual-clock.ts'

const pollMs = 500
const rowWith = (challenge: string, epoch = 1): ControlRow => ({
  epoch,
  mode: 'on',
  generation: 'one',
  instance: 'one',
  challenge,
})

function createWorld() {
  const clock = createManualClock(1_000)
  const challenges = createChallenges(pollMs, clock.now)
  /** Reads rows one after the other. */
  function read(...rows: ControlRow[]): void {
    for (const [i, row] of rows.entries()) challenges.note(row, rows[i - 1])
  }
  return { clock, challenges, read }
}

test('a challenge is granted when it has been in the row for more than two readings, whoever put it there', (t: TestContext) => {
  for (const isOwn of [true, false]) {
    const { clock, challenges, read } = createWorld()
    read(rowWith(''))
    read(rowWith((isOwn ? challenges.create() : undefined) ?? 'of another'))
    clock.advance(2 * pollMs)
    t.assert.equal(challenges.isGranted(), false)
    clock.advance(1)
    t.assert.equal(challenges.isGranted(), true)
  }
})

test('another challenge in the row has its own time', (t: TestContext) => {
  const { clock, challenges, read } = createWorld()
  read(rowWith('first'))
  clock.advance(2 * pollMs)
  read(rowWith('second'))
  clock.advance(1)
  t.assert.equal(challenges.isGranted(), false)
})

test('a process whose challenge was contradicted makes the next one 5 s later', (t: TestContext) => {
  const { clock, challenges, read } = createWorld()
  read(rowWith(challenges.create() ?? ''), rowWith(''))
  clock.advance(4_999)
  t.assert.equal(challenges.create(), undefined)
  clock.advance(1)
  t.assert.match(challenges.create() ?? '', /^[0-9a-f]{12}$/)
})

test('a challenge that was granted, or was that of another process, delays no other one', (t: TestContext) => {
  const granted = createWorld()
  granted.read(rowWith(granted.challenges.create() ?? ''), rowWith('', 2))
  t.assert.notEqual(granted.challenges.create(), undefined)
  const another = createWorld()
  another.read(rowWith('of another'), rowWith(''))
  t.assert.notEqual(another.challenges.create(), undefined)
})
