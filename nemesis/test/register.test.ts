import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { checkRegister, linearizabilityOf } from '../checkers/check-register.ts'
import { prepareRegister, registerSpecification } from '../checkers/register.ts'
import type { RegisterOperation } from '../checkers/register.ts'
import { svgTimeline, textTimeline } from '../checkers/timeline.ts'
import { checkZones } from '../checkers/unique-writes.ts'
import { searchLinearization } from '../checkers/wing-gong.ts'
import { rightHistories, wrongHistories } from './register-histories.ts'
import { registerHistories, withOneMutation, withStaleRead } from './simulated-register.ts'

for (const [sentence, history] of Object.entries(rightHistories))
  test(`Linearizable: ${sentence}`, () => {
    assert.equal(bySearch(history), 'linearizable')
    assert.notEqual(byZones(history), 'violation')
    assert.deepEqual(checkRegister(history).violations, [])
  })

for (const [sentence, history] of Object.entries(wrongHistories))
  test(`Not linearizable: ${sentence}`, () => {
    assert.notEqual(checkRegister(history).violations.length, 0)
  })

test('The zones alone decide nearly all of these histories, and never differ from the search', () => {
  const all = [...Object.values(rightHistories), ...Object.values(wrongHistories)]
  const decided = all.filter((history) => byZones(history) !== 'undecided')
  for (const history of decided) assert.equal(byZones(history), bySearch(history))
  assert.ok(decided.length >= 0.75 * all.length, `${decided.length} of ${all.length}`)
})

test('Histories of a correct register are linearizable by both methods', () => {
  fc.assert(
    fc.property(registerHistories(), (history) => {
      assert.deepEqual(checkRegister(history).violations, [])
    }),
    { numRuns: 1_500 },
  )
})

test('With one response replaced both methods agree, and with an order by brute force as well', () => {
  let [violations, decided, total] = [0, 0, 0]
  const histories = registerHistories({ stepsMax: 3, clientsMax: 3 })
  fc.assert(
    fc.property(histories, fc.nat(20), fc.nat(20), (history, which, by) => {
      const prepared = prepareRegister(withOneMutation(history, which, by))
      const zones = checkZones(prepared).verdict
      const search = searchLinearization(prepared, registerSpecification).verdict
      assert.equal(search, hasOrder(prepared) ? 'linearizable' : 'violation')
      if (zones !== 'undecided') assert.equal(zones, search)
      total += 1
      decided += zones === 'undecided' ? 0 : 1
      violations += search === 'violation' ? 1 : 0
    }),
    { numRuns: 3_000 },
  )
  assert.ok(violations > total / 5, `${violations} violations of ${total}`)
  assert.ok(decided > total / 5, `${decided} of ${total} decided by zones`)
})

test('With one stale read each history fails', () => {
  let stale = 0
  fc.assert(
    fc.property(registerHistories({ stepsMax: 12 }), (history) => {
      const wrong = withStaleRead(history)
      if (wrong === undefined) return
      stale += 1
      assert.equal(linearizabilityOf(wrong), 'violation')
    }),
    { numRuns: 500 },
  )
  assert.ok(stale > 50, `${stale} histories have one`)
})

test('The counterexample of a stale read has few operations', () => {
  fc.assert(
    fc.property(registerHistories({ stepsMax: 10 }), (history) => {
      const wrong = withStaleRead(history)
      if (wrong === undefined) return
      const [violation] = checkRegister(wrong).violations
      assert.ok(violation !== undefined)
      // Of up to 40. Most have 3 to 5, and one in a hundred has 9 or more.
      assert.ok(violation.operations.length <= 16, `${violation.operations.length} operations`)
    }),
    { numRuns: 200 },
  )
})

test('A counterexample is shown as text and as a picture', () => {
  const [violation] = checkRegister(wrongHistories['an acknowledged change is lost'] ?? []).violations
  assert.ok(violation !== undefined)
  const lines = textTimeline(violation.operations).split('\n')
  assert.match(lines.at(-1) ?? '', /client 3 .*├─┤.* update w3 if 1 → 3$/)
  assert.match(svgTimeline('lost', violation.operations), /^<svg [\s\S]*update w3 if 1 → 3[\s\S]*<\/svg>\n$/)
})

test('Every violation has a picture, also one in which a resource expires, at one moment', () => {
  for (const [name, history] of Object.entries(wrongHistories))
    for (const { operations } of checkRegister(history).violations) {
      assert.equal(textTimeline(operations).split('\n').length, operations.length, name)
      assert.match(svgTimeline(name, operations), /<\/svg>\n$/)
    }
})

test('A history of 100,000 operations on one key is decided by zones in linear time and memory', () => {
  const history = longHistory(100_000)
  const started = performance.now()
  assert.equal(byZones(history), 'linearizable')
  assert.ok(performance.now() - started < 5_000)
})

test('A search that would take too many configurations ends as unknown', () => {
  const history = longHistory(200).map((one) => ({ ...one, invokedAt: 0, completedAt: 1 }))
  const { verdict, configurations } = searchLinearization(prepareRegister(history), registerSpecification, {
    configurationsMax: 50,
  })
  assert.equal(verdict, 'unknown')
  assert.ok(configurations <= 51)
})

function bySearch(history: readonly RegisterOperation[]): string {
  return searchLinearization(prepareRegister(history), registerSpecification).verdict
}

function byZones(history: readonly RegisterOperation[]): string {
  return checkZones(prepareRegister(history)).verdict
}

/** Whether some order explains all responses, by trying all. */
function hasOrder(operations: readonly RegisterOperation[], state = registerSpecification.initial): boolean {
  const known = operations.filter(({ completedAt }) => Number.isFinite(completedAt))
  if (known.length === 0) return true
  const firstCompletion = Math.min(...known.map(({ completedAt }) => completedAt))
  return operations.some((operation) => {
    if (operation.invokedAt > firstCompletion) return false
    const next = registerSpecification.apply(state, operation)
    return (
      next !== undefined &&
      hasOrder(
        operations.filter((one) => one !== operation),
        next,
      )
    )
  })
}

/** Changes one after another, with readers beside each. */
function longHistory(length: number): RegisterOperation[] {
  return Array.from({ length }, (_, i): RegisterOperation => {
    const write = Math.floor(i / 4)
    const version = String(write + 1)
    const part = { id: i + 1, process: `client ${i % 4}`, key: 'A', outcome: 'ok' } as const
    const times = { invokedAt: write * 10 + (i % 4), completedAt: write * 10 + 8 }
    if (i % 4 > 0)
      return {
        ...part,
        ...times,
        call: { f: 'read' },
        result: { kind: 'found', value: `w${write}`, version },
      }
    const call = write === 0 ? ({ f: 'create' } as const) : ({ f: 'update' } as const)
    return { ...part, ...times, call: { ...call, value: `w${write}` }, result: { kind: 'written', version } }
  })
}
