import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createPromptLane, createSlowLane } from '@quintet/chassis/concurrency'
import { createManualClock } from '@quintet/chassis/testing/clock'
import { createDeadlines } from '../src/deadlines.ts'

/** Members by their clients, and the clients of those that were cut. */
function createMembers() {
  const cut: string[] = []
  return { cut, of: (client: string, name = client) => ({ client, cut: () => cut.push(name) }) }
}

test('A client has its share of a lane and no more, and others have the rest', () => {
  const lane = createPromptLane({ max: 10, sharePercent: 50 })
  const members = createMembers()
  const greedy = Array.from({ length: 5 }, () => members.of('a'))
  for (const member of greedy) lane.enter(member)
  assert.deepEqual([lane.refusal('a'), lane.refusal('b')], ['share', undefined])
  for (let count = 0; count < 5; count += 1) lane.enter(members.of(`b${count}`))
  assert.deepEqual([lane.refusal('a'), lane.refusal('c'), lane.count()], ['full', 'full', 10])
  for (const member of greedy) lane.leave(member)
  assert.deepEqual([lane.refusal('a'), lane.count(), members.cut], [undefined, 5, []])
})

test('A share is one place at least', () => {
  const lane = createPromptLane({ max: 3, sharePercent: 1 })
  assert.equal(lane.refusal('a'), undefined)
  lane.enter(createMembers().of('a'))
  assert.equal(lane.refusal('a'), 'share')
})

test('A full lane of slow requests admits everybody, and cuts the oldest of the client that has most of them', () => {
  const lane = createSlowLane(4)
  const members = createMembers()
  for (const name of ['a1', 'b1', 'a2', 'a3']) lane.enter(members.of(name.slice(0, 1), name))
  lane.enter(members.of('c', 'c1'))
  lane.enter(members.of('c', 'c2'))
  assert.deepEqual([members.cut, lane.count(), lane.refusal('a')], [['a1', 'a2'], 4, undefined])
})

test('A slow request that leaves twice, or after it was cut, makes no room twice', () => {
  const lane = createSlowLane(1)
  const members = createMembers()
  const first = members.of('a')
  lane.enter(first)
  lane.enter(members.of('b'))
  lane.leave(first)
  assert.deepEqual([lane.count(), members.cut], [1, ['a']])
})

test('What is not over by its deadline is cut; what is over in time is not', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  const clock = createManualClock(0)
  const deadlines = createDeadlines({ clock, limitMs: 50 })
  t.after(deadlines.close)
  const cut: string[] = []
  const early = { deadlineMs: 0, cut: () => cut.push('early') }
  deadlines.begin(early)
  deadlines.begin({ deadlineMs: 0, cut: () => cut.push('late') })
  deadlines.end(early)
  clock.advance(50)
  t.mock.timers.tick(50)
  assert.deepEqual(cut, ['late'])
})
