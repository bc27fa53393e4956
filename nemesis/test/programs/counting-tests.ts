import { test } from 'node:test'

/** Tests that are run by a test. */

test('passes & counts', (t) => t.diagnostic('1,200 attempts, none of which succeeds'))

test('fails', () => {
  throw new Error('the reason')
})

test('passes', (t) => t.test('within', () => {}))
