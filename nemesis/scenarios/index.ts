import { billingRabbitmq } from './billing.ts'
import { brokerageDynamodb, brokerageEmbedded } from './brokerage.ts'
import { certificates } from './certificates.ts'
import { gateway } from './gateway.ts'
import { guidEmbedded, guidMongodb, guidMysql, guidPostgres } from './guid.ts'
import { hostileClients } from './hostile-clients.ts'
import { operationsEmbedded, operationsKafka } from './operations.ts'
import type { Scenario } from './scenario.ts'

export const scenarios: readonly Scenario[] = [
  guidEmbedded,
  guidPostgres,
  guidMysql,
  guidMongodb,
  operationsEmbedded,
  operationsKafka,
  brokerageEmbedded,
  brokerageDynamodb,
  certificates,
  billingRabbitmq,
  gateway,
  hostileClients,
]
