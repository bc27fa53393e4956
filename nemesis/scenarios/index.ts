import { brokerageDynamodb, brokerageEmbedded } from './brokerage.ts'
import { guidEmbedded, guidPostgres } from './guid.ts'
import type { Scenario } from './scenario.ts'

export const scenarios: readonly Scenario[] = [
  guidEmbedded,
  guidPostgres,
  brokerageEmbedded,
  brokerageDynamodb,
]
