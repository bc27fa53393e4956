import { test } from 'node:test'
import { engineUrl } from '@quintet/chassis/testing'
import { recovers } from './recovers.ts'

if (engineUrl('mysql') !== undefined)
  test('mysql: within a second of its return from any fault, clients succeed again, also through the gateway', (t) =>
    recovers(t, 'mysql'))
