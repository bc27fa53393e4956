import type { AuditLog } from './audit-log.ts'
import type { AuditParts } from './open-audit-log.ts'

export type { AuditLog } from './audit-log.ts'
export type { AuditEntry } from './chain.ts'

export type AuditSettings = { readonly AUDIT_LOG: string; readonly AUDIT_REQUIRED: 'off' | 'on' }

/** Undefined where there is no audit log; then none of it is loaded. */
export async function openAuditLog(
  { AUDIT_LOG: place = 'off', AUDIT_REQUIRED: required = 'off' }: Partial<AuditSettings>,
  parts: AuditParts,
): Promise<AuditLog | undefined> {
  if (place === 'off') return undefined
  const { openAuditLogAt } = await import('./open-audit-log.ts')
  return openAuditLogAt(place, required === 'on', parts)
}
