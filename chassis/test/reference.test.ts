import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { referenceInText, returnedBy, valuePlaceholder } from '@quintet/chassis/database'
import { boundParameters } from '../src/database/reference.ts'

const insert = { sql: 'insert … returning id', parameters: ['a'] }
const resultsWith = (id: unknown) => [{ rows: [{ id }], changes: 1 }]

test('a reference becomes the value of its column in the first row that the statement returned', (t: TestContext) => {
  const use = { sql: 'use', parameters: [1, returnedBy(insert, 'id')] }
  t.assert.deepEqual(boundParameters(use, [insert, use], resultsWith(7)), [1, 7])
})

test('a reference in a text becomes the text with the value in every place, to the letter', (t: TestContext) => {
  const text = referenceInText(returnedBy(insert, 'id'), `/${valuePlaceholder}?id=${valuePlaceholder}`)
  const use = { sql: 'use', parameters: [text] }
  for (const id of [7, 9007199254740993n, "$& $1 $$ $'"])
    t.assert.deepEqual(boundParameters(use, [insert, use], resultsWith(id)), [`/${id}?id=${id}`])
})

test('a reference to a row or a column that was not returned is a programming error', (t: TestContext) => {
  const use = { sql: 'use', parameters: [returnedBy(insert, 'id')] }
  const bind = (unit: (typeof use)[], results: ReturnType<typeof resultsWith>) => () =>
    boundParameters(use, unit, results)
  const error = { name: 'TypeError', message: /id/ }
  t.assert.throws(bind([use], []), error)
  t.assert.throws(() => boundParameters(use, [insert, use], [{ rows: [], changes: 0 }]), error)
  t.assert.throws(() => boundParameters(use, [insert, use], [{ rows: [{ other: 1 }], changes: 1 }]), error)
})
