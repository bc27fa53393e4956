import type { Database } from '@quintet/chassis/database'
import type { Owner } from '@quintet/chassis/guard'
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
      /** The email in the form that is compared, without case; `none:id` if an older user has that. */
      email_key: string
      password_hash: string
      version: number
      /** 1 until all certificates of a deleted user are removed; nothing of it is shown. */
      deleted: Generated<number>
      owner: Owner
    }
    certificate: {
      id: Generated<number>
      /** Identifies the record before the database assigns an id; the private key is encrypted for it. */
      uid: string
      user_id: number
      /** That of the user. */
      owner: Owner
      active: number
      version: number
      not_before: number | null
      not_after: number | null
      /** When the next expiry notice is due. */
      notice_at: number | null
      key_id: string
      wrapped_key: string
      ciphertext: string
      body: string
      /** The fields of the X.509 certificate, as JSON. */
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

/** The key of a certificate, which is found under its own user only. */
export type CertificateRef = { userId: number; id: number }

export type NotificationStatus = 'pending' | 'delivered' | 'failed' | 'skipped'

export type CertificatesDatabase = Database<CertificatesTables>

export const migrations = new URL('../migrations/', import.meta.url)
