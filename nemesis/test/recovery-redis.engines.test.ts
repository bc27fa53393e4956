import { test } from 'node:test'
import { engineUrl } from '@quintet/chassis/testing'
import { recovers } from './recovers.ts'

/** By then the leases of the Redis that is away have ended. */
const faultMs = 7_000

if (engineUrl('redis') !== undefined)
  test('redis: within a second of its return from any fault, clients succeed again, also through the gateway', (t) =>
    recovers(t, 'redis', { faultMs }))
