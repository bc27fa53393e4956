import type { Idempotency } from '@quintet/chassis/http'
import type { CertificateStore } from './certificate-store.ts'
import type { CredentialStore } from './credential-store.ts'
import type { Envelopes } from './envelope.ts'
import type { NotificationStore } from './notification-store.ts'
import type { Passwords } from './password.ts'
import type { UserStore } from './user-store.ts'
import type { Policy } from './x509.ts'

/** The code of a value of the wrong type or form, and of every fault of a query. */
export const wrongValueCode = 'unprocessable'

/** The dependencies of the routes. */
export type Parts = {
  users: UserStore
  credentials: CredentialStore
  certificates: CertificateStore
  notifications: NotificationStore
  idempotency: Idempotency
  passwords: Passwords
  envelopes: Envelopes
  policy: Policy
  ping: () => Promise<void>
}
