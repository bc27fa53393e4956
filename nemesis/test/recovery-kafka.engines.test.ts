import { test } from 'node:test'
import { engineUrl } from '@quintet/chassis/testing'
import { recovers } from './recovers.ts'

/** Until a consumer that lost its connection in silence is given its partition again. */
const recoveryMs = 8_000

if (engineUrl('kafka') !== undefined)
  test('kafka: within 8 s of its return from any fault, clients succeed again, also through the gateway', (t) =>
    recovers(t, 'kafka', { recoveryMs }))
