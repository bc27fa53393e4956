import { Type } from 'typebox'
import type { Static } from 'typebox'

const canonicalGuid = Type.String({ pattern: '^[0-9A-F]{32}$' })
const unixSeconds = Type.Integer({ minimum: 0, maximum: 253_402_300_799 })

/** On `guid.commands`, keyed by guid: an operation accepted with 202, whose id is the message id. */
export type GuidCommand = Static<typeof GuidCommand>
export const GuidCommand = Type.Union([
  Type.Object({
    kind: Type.Literal('create'),
    guid: canonicalGuid,
    user: Type.String(),
    expire: unixSeconds,
  }),
  Type.Object({
    kind: Type.Literal('update'),
    guid: canonicalGuid,
    user: Type.Optional(Type.String()),
    expire: Type.Optional(unixSeconds),
    /** The version that `If-Match` required when the command was accepted; absent without the header. */
    versions: Type.Optional(Type.Array(Type.Integer())),
  }),
])

/** On `guid.events`, keyed by guid, in the order of the changes; each is published at least once under one message id. */
export type GuidEvent = Static<typeof GuidEvent>
export const GuidEvent = Type.Object({
  type: Type.Union([
    Type.Literal('guid.created'),
    Type.Literal('guid.updated'),
    Type.Literal('guid.deleted'),
    Type.Literal('guid.expired'),
  ]),
  guid: canonicalGuid,
  user: Type.String(),
  expire: unixSeconds,
  version: Type.Integer(),
})
