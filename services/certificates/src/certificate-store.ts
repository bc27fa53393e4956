import { returnedBy } from '@quintet/chassis/database'
import { AppError, invalid } from '@quintet/chassis/errors'
import type { Owner } from '@quintet/chassis/guard'
import { recordStatements } from '@quintet/chassis/idempotency'
import type { IdempotencyRecord } from '@quintet/chassis/idempotency'
import type { Step } from '@quintet/chassis/resource/rows'
import type { Selectable } from 'kysely'
import { prepareCertificateStatements } from './certificate-statements.ts'
import type { CertificateRef, CertificatesTables } from './database.ts'
import type { Deletion } from './deletion.ts'
import type { Envelope } from './envelope.ts'
import { nextNoticeMs } from './expiry.ts'
import type { NotifyingParts } from './notification-store.ts'
import type { Right } from './rights.ts'
import { userNotFound } from './user-store.ts'
import type { Inspection } from './x509.ts'

export type CertificateStore = ReturnType<typeof createCertificateStore>

/** The readable columns of a certificate; this store never reads the encrypted private key. */
export type Certificate = Pick<
  Selectable<CertificatesTables['certificate']>,
  'id' | 'user_id' | 'active' | 'version' | 'body' | 'x509' | 'owner'
>

/** The place of a certificate in the order of their expiry. */
export type ExpiryPosition = { readonly notAfter: number; readonly id: number }

type NewRecord = {
  uid: string
  userId: number
  active: boolean
  body: string
  envelope: Envelope
  inspected: Inspection | undefined
}

/** Certificates in a SQL database. They are not cached: a body may be large, and is rarely read twice. */
export function createCertificateStore({
  database,
  notifications,
  clock,
  wake,
  deletion,
}: NotifyingParts & { deletion: Deletion }) {
  const statements = prepareCertificateStatements(database)
  const insertRecords = recordStatements(database.query)

  async function find(ref: CertificateRef, right: Right): Promise<Certificate> {
    const [row] = await database.read(statements.find(ref))
    if (row === undefined || !right(row.owner)) throw certificateNotFound()
    return row
  }

  async function expect(ref: CertificateRef, right: Right): Promise<void> {
    const [row] = await database.read(statements.findOwner(ref))
    if (row === undefined || !right(row.owner)) throw certificateNotFound()
  }

  /** Checks the right before a change. With a right to all it reads nothing, since the change fails by itself if there is no such certificate. The owner never changes. */
  async function admit(ref: CertificateRef, right: Right): Promise<void> {
    if (!right(null)) await expect(ref, right)
  }

  return {
    /** Rejects with `not_found` when there is no such certificate, or no right to it. */
    find,

    /** Rejects with `not_found` when there is no such certificate, whose body is not read, or no right to it. */
    expect,

    /** Adds a certificate to an existing user, with the idempotency records of the response. */
    async create(record: NewRecord, records: readonly IdempotencyRecord[]): Promise<number> {
      const { uid, userId, active, body, envelope, inspected } = record
      const insert = {
        ...statements.insert({
          uid,
          userId,
          active: Number(active),
          body,
          ...envelope,
          notBefore: inspected?.notBeforeMs ?? null,
          notAfter: inspected?.notAfterMs ?? null,
          noticeAt: (inspected && nextNoticeMs(inspected, clock.now())) ?? null,
          x509: inspected ? JSON.stringify(inspected.description) : null,
        }),
        mustAffectRows: userNotFound,
      }
      const { results } = await database.commit([insert, ...insertRecords(records, returnedBy(insert, 'id'))])
      return Number(results[0]?.rows[0]?.id)
    },

    /** A page of a user's certificates, oldest first. */
    async listOfUser(page: Step & { userId: number; onlyActive: boolean; after: number }) {
      const { onlyActive, bytesMax: reaches, ...rest } = page
      return (onlyActive ? statements.listActive : statements.list)({ ...rest, reaches })
    },

    /** A page of the certificates that expire, earliest first: of all owners, unless one is given; null owns none. */
    async listExpiring(page: Step & { before: number; after: ExpiryPosition; owner?: Owner }) {
      const { before, after, limit, bytesMax: reaches, owner } = page
      const part = { before, limit, reaches, ...after }
      return owner === undefined
        ? statements.listExpiring(part)
        : statements.listExpiringOfOwner({ ...part, owner })
    },

    /**
     * Activates or deactivates a certificate, and with `notify` stores the notification in the same commit. Resolves to the new
     * version; undefined when the certificate no longer has the given one. Rejects when it is in that state already.
     */
    async setActive(
      ref: CertificateRef,
      { active, notify }: { active: boolean; notify: boolean },
      { version, right }: Condition,
    ): Promise<number | undefined> {
      await admit(ref, right)
      const update = {
        ...statements.setActive({ ...ref, version: version ?? null, active: Number(active) }),
        mustAffectRows: true,
      }
      const body = { id: ref.id, active }
      const notification = notify
        ? notifications.statementsOf(ref.id, { event: 'certificate.active_changed', body })
        : []
      const { failedStatement, results } = await database.commit([update, ...notification])
      if (failedStatement === undefined) {
        if (notify) wake()
        return Number(results[0]?.rows[0]?.version)
      }
      const current = await find(ref, right)
      if (version !== undefined && current.version !== version) return undefined
      throw invalid({
        active: `active must be ${!active}, since the certificate is already ${active ? 'active' : 'inactive'}.`,
      })
    },

    /** Resolves to false when there is no such certificate of this version, or of any if none is given. */
    async delete(ref: CertificateRef, { version, right }: Condition): Promise<boolean> {
      await admit(ref, right)
      const { failedStatement } = await database.commit(
        await deletion.unitOfCertificate(ref, version ?? null),
      )
      return failedStatement === undefined
    },
  }
}

/** The only version that may be changed, any without one; and the right to change the certificate. */
type Condition = { readonly version: number | undefined; readonly right: Right }

export const certificateNotFound = () => new AppError('not_found', 'Certificate not found.')
