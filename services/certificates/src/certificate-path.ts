import { parseId } from '@quintet/chassis/resource'
import type { Static } from 'typebox'
import { certificateNotFound } from './certificate-store.ts'
import type { CertificateRef } from './database.ts'
import type { CertificatePath } from './schemas.ts'

/** The certificate that a path names. */
export function certificateRefOf({ id, cid }: Static<typeof CertificatePath>): CertificateRef {
  return { userId: parseId(id, certificateNotFound), id: parseId(cid, certificateNotFound) }
}
