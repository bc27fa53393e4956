import type { Certificate } from './certificate-store.ts'

/** A certificate as JSON. Its `x509` is stored as JSON already. */
export function certificateText({
  id,
  active,
  body,
  x509,
}: Pick<Certificate, 'id' | 'active' | 'body'> & { x509?: string | null }): string {
  const description = x509 ? `,"x509":${x509}` : ''
  return `{"id":${id},"active":${active === 1},"body":${JSON.stringify(body)}${description}}`
}

export function expiringCertificateText({
  id,
  user_id,
  active,
  x509,
}: Pick<Certificate, 'id' | 'user_id' | 'active' | 'x509'>): string {
  return `{"id":${id},"user_id":${user_id},"active":${active === 1},"x509":${x509}}`
}
