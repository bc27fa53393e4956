import { Type } from 'typebox'

/** What AUDIT_LOG must be. */
export const auditPlace = 'off, stdout or a file in a folder that the user of this process can write to'

/** The settings of the audit log. */
export const auditSettings = {
  AUDIT_LOG: Type.String({
    default: 'off',
    minLength: 1,
    description:
      'Where the audit log is written: off, stdout, or a file, with the name of each service before its extension.',
    expected: auditPlace,
  }),
  AUDIT_REQUIRED: Type.Union([Type.Literal('off'), Type.Literal('on')], {
    default: 'off',
    description: 'With on, nothing is changed before a line about it is on the disk.',
  }),
}

/** A sentence for each fault of these settings together. */
export function auditFaults({
  AUDIT_LOG: place,
  AUDIT_REQUIRED: required,
}: {
  AUDIT_LOG?: unknown
  AUDIT_REQUIRED?: unknown
}): string[] {
  if (required !== 'on' || (place !== 'off' && place !== 'stdout')) return []
  return [`AUDIT_REQUIRED is on, but AUDIT_LOG is ${place}, which is on no disk for certain: name a file.`]
}
