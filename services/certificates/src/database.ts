import type { Database } from '@quintet/chassis/database'
import type { IdempotencyTable } from '@quintet/chassis/idempotency'
import type { OutboxTable } from '@quintet/chassis/outbox'
import type { Generated } from 'kysely'

/** The tables of the service; times are milliseconds. */
export type CertificatesTables = IdempotencyTable &
  OutboxTable & {
    user: {
      id: Generated<number>
      name: string
      email: string
      /** The email as it is compared, which is without case. */
      email_key: string
      password_hash: string
      version: number
    }
    certificate: {
      id: Generated<number>
      /** What the record is known by before the database gives it an id: its private key is sealed for it. */
      uid: string
      user_id: number
      active: number
      version: number
      not_before: number | null
      not_after: number | null
      /** When the next notice of its end is due. */
      notice_at: number | null
      key_id: string
      wrapped_key: string
      ciphertext: string
      body: string
      /** What the X.509 says, as JSON. */
      x509: string | null
    }
    notification: {
      id: Generated<number>
      delivery_id: string
      certificate_id: number
      event: string
      body: string
      status: NotificationStatus
      created_at: number
      changed_at: number
    }
    delivery_attempt: {
      id: Generated<number>
      notification_id: number
      at: number
      status: number | null
      error: string | null
    }
  }

export type NotificationStatus = 'pending' | 'delivered' | 'failed' | 'skipped'

export type CertificatesDatabase = Database<CertificatesTables>

export const migrations = new URL('../migrations/', import.meta.url)
