import { test } from 'node:test'
import { recovers } from '../../nemesis/test/recovers.ts'

test('Within a second after the lock of another process or a full disk is gone, clients of an embedded database succeed again', (t) =>
  recovers(t, 'sqlite'))

test('Within a second of the return of a service that was killed or suspended, clients succeed again through the gateway', (t) =>
  recovers(t, 'service'))
