import {
  cacheUrl,
  commonSettings,
  count,
  engineUrl,
  port,
  sharedDatabases,
  withRule,
} from '@quintet/chassis/config'
import { streamSchemes } from '@quintet/chassis/queue'
import { topology } from '@quintet/contracts/topology'
import { Type } from 'typebox'
import type { Static } from 'typebox'

const settings = Type.Object({
  ...commonSettings,
  GUID_PORT: port(8888, 'Port of the guid service; 0 for any free one.'),
  GATEWAY_PORT: port(topology.gateway.port, 'Port of the gateway, whose documentation this one links to.'),
  GUID_DATABASE_URL: engineUrl({
    default: 'sqlite:{DATA_DIR}/guid.db',
    schemes: ['sqlite:', 'postgres:', 'postgresql:', 'mysql:', 'mariadb:', 'mongodb:', 'mongodb+srv:'],
    description:
      'The database: sqlite:file, or postgres://, mysql:// or mongodb://user:password@host/database.',
  }),
  CACHE_URL: cacheUrl,
  EVENTS_URL: engineUrl({
    default: 'sqlite:{DATA_DIR}/queue.db',
    schemes: streamSchemes,
    description:
      'The queue of commands and events: sqlite:file, or kafka://user:password@host:9092,host:9092/prefix.',
  }),
  GUID_VERSION: Type.Union([Type.Literal('4'), Type.Literal('7')], {
    default: '4',
    description: 'Version of generated GUIDs: 4 is random, 7 is ordered by time.',
  }),
  GUID_BACKLOG_MAX: count(10_000, {
    minimum: 1,
    maximum: 1_000_000,
    description: 'How many operations may be pending before further ones are refused with 503.',
  }),
})

export type GuidConfig = Static<typeof guidSettings>
export const guidSettings = withRule(settings, ({ GUID_DATABASE_URL, EVENTS_URL }) =>
  sharedDatabases({ GUID_DATABASE_URL, EVENTS_URL }, (name) => name === 'GUID_DATABASE_URL'),
)
