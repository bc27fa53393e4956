import { billingRabbitmq } from './billing.ts'
import { brokerageDynamodb, brokerageEmbedded } from './brokerage.ts'
import { certificates } from './certificates.ts'
import { gateway } from './gateway.ts'
import { guidEmbedded, guidPostgres } from './guid.ts'
import type { Scenario } from './scenario.ts'

export const scenarios: readonly Scenario[] = [
  guidEmbedded,
  guidPostgres,
  brokerageEmbedded,
  brokerageDynamodb,
  certificates,
  billingRabbitmq,
  gateway,
]
