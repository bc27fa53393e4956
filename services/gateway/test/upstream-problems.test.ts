import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ExchangeError } from '../src/http1/connection.ts'
import { exchangeFailed } from '../src/upstream-problems.ts'

test('A gateway that has no descriptor left for a connection is overloaded itself, and blames no service', () => {
  for (const code of ['EMFILE', 'ENFILE']) {
    const cause = Object.assign(new Error('connect'), { code })
    const { status, retryAfterSeconds, message } = exchangeFailed(
      'guid',
      new ExchangeError('refused', false, cause),
    )
    assert.deepEqual([status, retryAfterSeconds], [503, 1])
    assert.doesNotMatch(message, /guid/)
  }
})
