import assert from 'node:assert/strict'
import { test } from 'node:test'
import { budgetsOf } from '../page/parts/objectives.ts'
import type { Series } from '../src/wire/index.ts'

const series = (lines: Readonly<Record<string, readonly (number | null)[]>>): Series => ({
  name: 'requests',
  unit: 'per second',
  at: [0, 10_000],
  lines: Object.entries(lines).map(([label, values]) => ({ label, values: [...values] })),
  exemplars: [],
})

test('Failures count by the requests of their time, against the one in a thousand that the objective permits', () => {
  const [budget] = budgetsOf(series({ guid: [100, 300] }), series({ guid: [0.002, 0] }))
  assert.equal(budget?.requests, 4_000)
  assert.equal(budget?.succeeded, 1 - 0.0005)
  assert.ok(Math.abs((budget?.left ?? 0) - 0.5) < 1e-9)
})

test('A service without requests has no budget, and one without a share of errors has all of it', () => {
  const found = budgetsOf(series({ guid: [null, 0], billing: [1, null] }), series({}))
  assert.deepEqual(
    found.map(({ service, left }) => [service, left]),
    [['billing', 1]],
  )
})
