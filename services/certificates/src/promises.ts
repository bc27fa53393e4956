import type { Clock } from '@quintet/chassis/clock'
import { checkOutbox } from '@quintet/chassis/outbox'
import type { Outbox } from '@quintet/chassis/outbox'
import type { CheckedPromise } from '@quintet/chassis/promises'
import type { QueueAdmin } from '@quintet/chassis/queue'
import type { CertificatesDatabase } from './database.ts'
import type { Keyring } from './keyring.ts'
import { checkNotifications } from './notification-check.ts'
import { checkSealedKeys } from './sealed-keys-check.ts'

/** What is promised of private keys and notifications, as far as the running service can check it. */
export function certificatePromises({
  database,
  keyring,
  ...publishing
}: {
  database: CertificatesDatabase
  keyring: Keyring
  outbox: Outbox
  queue: { ping(): Promise<void> } & Pick<QueueAdmin, 'find'>
  clock: Clock
}): readonly CheckedPromise[] {
  return [
    {
      id: 'sealed-keys',
      title: 'A private key is stored encrypted, and can be decrypted for its own record only.',
      guarantee: 'a-sealed-key-opens-for-its-own-record-only',
      check: checkSealedKeys(database, keyring),
    },
    {
      id: 'notifications',
      title: 'A notification that is not delivered yet has a message.',
      guarantee: 'notifications-are-delivered-at-least-once',
      check: checkNotifications(database, publishing.queue),
    },
    {
      id: 'outbox',
      title: 'Each message reaches the queue within a minute, while that responds.',
      guarantee: 'notifications-are-delivered-at-least-once',
      check: checkOutbox(publishing),
    },
  ]
}
