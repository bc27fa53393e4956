import { Type } from 'typebox'
import type { Static } from 'typebox'
import { Check } from 'typebox/schema'

const canonicalGuid = Type.String({ pattern: '^[0-9A-F]{32}$' })
const unixSeconds = Type.Integer({ minimum: 0, maximum: 253_402_300_799 })

/** Who has sent a command, and whether that may change what others own; absent where clients are not authenticated. */
const access = Type.Optional(
  Type.Object({ owner: Type.Union([Type.String(), Type.Null()]), changesAll: Type.Boolean() }),
)

/** On `guid.commands`, keyed by guid: an operation accepted with 202, whose id is the message id. */
export type GuidCommand = Static<typeof GuidCommand>
export const GuidCommand = Type.Union([
  Type.Object({
    kind: Type.Literal('create'),
    guid: canonicalGuid,
    user: Type.String(),
    expire: unixSeconds,
    access,
  }),
  Type.Object({
    kind: Type.Literal('update'),
    guid: canonicalGuid,
    user: Type.Optional(Type.String()),
    expire: Type.Optional(unixSeconds),
    /** The version that `If-Match` required when the command was accepted; absent without the header. */
    versions: Type.Optional(Type.Array(Type.Integer())),
    access,
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
  /** Who may read of it, besides those who may read everything; null or absent for everybody. */
  owner: Type.Optional(Type.Union([Type.String(), Type.Null()])),
})

/** The stream of these events. */
export const guidEventsStream = 'guid.events'

/**
 * The longest silence of the server-sent events of guid, apart from the pauses between two reads of the stream: as the HTML
 * Standard suggests, since proxies end connections that are silent.
 */
export const eventsHeartbeatMs = 15_000

/** An event in the notation of the responses of guid, with its place in the stream. */
export type PublishedGuidEvent = Omit<GuidEvent, 'expire' | 'owner'> & {
  readonly position: number
  readonly id: string
  readonly expire: string
  readonly published_at: string
}

/** The event in a message of the stream, and its owner; undefined if it is none, as other programs can write to a topic of Kafka. */
export function publishedGuidEventOf({
  position,
  id,
  body,
  appendedAt,
}: {
  position: number
  id: string
  body: string
  appendedAt: number
}): { event: PublishedGuidEvent; owner: string | null } | undefined {
  const stored = parseGuidEvent(body)
  if (stored === undefined) return undefined
  const { type, guid, user, expire, version, owner = null } = stored
  const published_at = new Date(Math.abs(appendedAt) <= timeMaxMs ? appendedAt : 0).toISOString()
  return { event: { position, id, type, guid, user, expire: String(expire), version, published_at }, owner }
}

/** The range of times that JavaScript has (ECMA-262, 21.4.1.1). */
const timeMaxMs = 8.64e15

function parseGuidEvent(body: string): GuidEvent | undefined {
  try {
    const event: unknown = JSON.parse(body)
    return Check(GuidEvent, event) ? event : undefined
  } catch {
    return undefined
  }
}
