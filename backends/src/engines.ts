import type { Engine, EngineName } from './engine.ts'
import { alertmanager } from './engines/alertmanager.ts'
import { amqp } from './engines/amqp.ts'
import { dynamodb } from './engines/dynamodb.ts'
import { kafka } from './engines/kafka.ts'
import { mongodb } from './engines/mongodb.ts'
import { mysql } from './engines/mysql.ts'
import { postgres } from './engines/postgres.ts'
import { prometheus } from './engines/prometheus.ts'
import { redis } from './engines/redis.ts'

/** All of them, in the order in which they are listed. */
export const engines: Readonly<Record<EngineName, Engine>> = {
  postgres,
  mysql,
  redis,
  amqp,
  kafka,
  dynamodb,
  mongodb,
  prometheus,
  alertmanager,
}
