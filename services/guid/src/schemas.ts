import { pageQuery, text } from '@quintet/chassis/http'
import { GuidEvent } from '@quintet/contracts'
import { Type } from 'typebox'
import type { Static } from 'typebox'
import { guidPattern, malformedGuid } from './guid.ts'

const userLengthMax = 256

const user = text('user', {
  minLength: 1,
  maxLength: userLengthMax,
  description: 'Any name, such as that of the user for whom the GUID is.',
  // Clients of the older interface look for these two.
  required: 'User field is required.',
  type: 'User must be a string.',
})

const expire = Type.Union(
  [Type.String({ maxLength: 20, pattern: '^[0-9]{1,20}$' }), Type.Integer({ minimum: 0 })],
  {
    description:
      'Unix time in seconds at which the GUID expires, as a string of digits or as an integer; by default 30 days from now.',
    'x-errors': { invalid: 'Expire must be a string or number of digits.' },
  },
)

export type NewGuid = Static<typeof NewGuid>
export const NewGuid = Type.Object(
  { user, expire: Type.Optional(expire) },
  { title: 'NewGuid', additionalProperties: false, examples: [{ user: 'ada', expire: '32503680000' }] },
)

/** The GUID of the path, so that what GET returns can be posted and sent back. */
const sameGuid = Type.Optional(
  Type.String({ maxLength: 36, description: 'Ignored when it is the one in the path.' }),
)

export const GivenGuid = Type.Object(
  { guid: sameGuid, ...NewGuid.properties },
  { title: 'GivenGuid', additionalProperties: false, examples: [{ user: 'ada', expire: '32503680000' }] },
)

export type GuidPatch = Static<typeof GuidPatch>
export const GuidPatch = Type.Object(
  {
    guid: sameGuid,
    user: Type.Optional(user),
    expire: Type.Optional(expire),
  },
  { title: 'GuidPatch', additionalProperties: false, examples: [{ expire: '32503680000' }] },
)

export const GuidPath = Type.Object({
  guid: Type.String({
    pattern: guidPattern,
    description: '32 hexadecimal characters, or dashed as in RFC 9562, in upper or lower case.',
    examples: ['5E95AAD3B0D94B0F8C3D8A8F7E1C2B3A'],
    'x-errors': { invalid: malformedGuid },
  }),
})

export const GuidBody = Type.Object(
  { guid: Type.String(), user: Type.String(), expire: Type.String({ description: 'Unix time in seconds.' }) },
  { title: 'Guid' },
)

export const GuidQuery = Type.Object(
  {
    ...pageQuery,
    user: Type.Optional(
      text('user', { minLength: 1, maxLength: userLengthMax, description: 'Only GUIDs of this user.' }),
    ),
    expiring_before: Type.Optional(
      Type.String({
        maxLength: 12,
        pattern: '^[0-9]{1,12}$',
        description: 'Only GUIDs that expire before this Unix time in seconds.',
        'x-errors': { invalid: 'expiring_before must be a Unix time in seconds.' },
      }),
    ),
  },
  { additionalProperties: false },
)

export const EventQuery = Type.Object(
  {
    after: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: Number.MAX_SAFE_INTEGER,
        description: 'Only events after this position; by default from the oldest on.',
      }),
    ),
    limit: pageQuery.limit,
  },
  { additionalProperties: false },
)

export const EventBody = Type.Object(
  {
    position: Type.Integer({ description: 'Its place in the stream, for `after` and `Last-Event-ID`.' }),
    id: Type.String({ description: 'The same when the event is repeated.' }),
    type: GuidEvent.properties.type,
    guid: Type.String(),
    user: Type.String(),
    expire: Type.String({ description: 'Unix time in seconds.' }),
    version: Type.Integer({ description: 'The version of the GUID after the change.' }),
    published_at: Type.String({ description: 'When it reached the stream, as in RFC 3339.' }),
  },
  { title: 'GuidEvent' },
)

export const OperationPath = Type.Object({
  id: Type.String({
    minLength: 1,
    maxLength: 64,
    description: 'The id in the Location header of the 202 response.',
    examples: ['0199d0f4-6b1e-7c3a-9d52-3f8e6a1b2c4d'],
  }),
})

export const OperationBody = Type.Object(
  {
    id: Type.String(),
    status: Type.Union([Type.Literal('pending'), Type.Literal('succeeded'), Type.Literal('failed')]),
    result: Type.Optional(GuidBody),
    problem: Type.Optional(
      Type.Object({}, { description: 'Why the operation failed, as a problem document.' }),
    ),
  },
  { title: 'Operation' },
)
