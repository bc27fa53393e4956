import { test } from 'node:test'
import { engineUrl } from '@quintet/chassis/testing'
import { recovers } from './recovers.ts'

if (engineUrl('redis') !== undefined)
  test('redis: within a second of its return from any fault, clients succeed again, also through the gateway', (t) =>
    recovers(t, 'redis'))
