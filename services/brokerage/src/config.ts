import { cacheUrl, commonSettings, engineUrl, port } from '@quintet/chassis/config'
import { topology } from '@quintet/contracts/topology'
import { Type } from 'typebox'
import type { Static } from 'typebox'
import { daysPattern, isZone, timePattern } from './market.ts'

export type BrokerageConfig = Static<typeof brokerageSettings>
export const brokerageSettings = Type.Object({
  ...commonSettings,
  BROKERAGE_PORT: port(8000, 'Port of the brokerage; 0 for any free one.'),
  GATEWAY_PORT: port(topology.gateway.port, 'Port of the gateway, whose documentation this one links to.'),
  BROKERAGE_DATABASE_URL: engineUrl({
    default: 'sqlite:{DATA_DIR}/brokerage.db',
    schemes: ['sqlite:', 'dynamodb:'],
    description:
      'The database of accounts, orders and ledgers: sqlite:file, or dynamodb://key:secret@host/table?region=us-east-1.',
  }),
  CACHE_URL: cacheUrl,
  MARKET_OPEN: timeOfDay('06:00:00', 'When the market opens, in the local time of its zone.'),
  MARKET_CLOSE: timeOfDay(
    '15:00:00',
    'When the market closes; on the next day if not later than MARKET_OPEN.',
  ),
  MARKET_ZONE: Type.Refine(
    Type.String({
      default: '-06:00',
      description: 'The time zone of the market: an offset from UTC, or a name such as America/Mexico_City.',
      expected: 'an offset such as -06:00 or the IANA name of a time zone',
    }),
    isZone,
  ),
  MARKET_DAYS: Type.String({
    default: 'mon-sun',
    pattern: daysPattern,
    description: 'The days on which the market opens: mon-fri, or mon,wed,fri.',
    expected: 'days or ranges of days such as mon-fri or mon,wed,fri',
  }),
  MARKET_CLOCK: Type.Union([Type.Literal('order'), Type.Literal('server')], {
    default: 'order',
    description:
      'Which time market hours are checked against for orders in JSON: their timestamp, or the clock of the server.',
  }),
})

function timeOfDay(defaultTime: string, description: string) {
  return Type.String({
    default: defaultTime,
    pattern: timePattern,
    description,
    expected: 'a time of day such as 06:00 or 06:00:00',
  })
}
