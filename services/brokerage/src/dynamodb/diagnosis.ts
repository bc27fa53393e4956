import {
  DescribeContinuousBackupsCommand,
  DescribeTableCommand,
  DescribeTimeToLiveCommand,
} from '@aws-sdk/client-dynamodb'
import type { TableDescription } from '@aws-sdk/client-dynamodb'
import { broken, good, weak } from '@quintet/chassis/diagnosis'
import type { Finding } from '@quintet/chassis/diagnosis'
import { openDynamodbConnection } from './connection.ts'
import { translateError } from './errors.ts'
import { removableAt } from './table.ts'

/** Checks the state, the keys, the replicas, the time to live and the backups of the table. */
export async function diagnoseDynamodb(url: string): Promise<Finding[]> {
  const { client, table: TableName, close } = openDynamodbConnection(url)
  try {
    const { Table } = await client.send(new DescribeTableCommand({ TableName }))
    const expiry = await client.send(new DescribeTimeToLiveCommand({ TableName })).catch(unknown)
    const backups = await client.send(new DescribeContinuousBackupsCommand({ TableName })).catch(unknown)
    return [
      stateOf(Table),
      keysOf(Table),
      replicasOf(Table),
      expiryOf(expiry?.TimeToLiveDescription?.AttributeName),
      backupsOf(
        backups?.ContinuousBackupsDescription?.PointInTimeRecoveryDescription?.PointInTimeRecoveryStatus,
      ),
    ]
  } catch (error) {
    const reason = translateError(error)
    return [broken(reason instanceof Error ? reason.message : String(reason))]
  } finally {
    close()
  }
}

const unknown = () => undefined

function stateOf(table: TableDescription | undefined): Finding {
  const state = table?.TableStatus
  return state === 'ACTIVE' || state === 'UPDATING'
    ? good(`The table ${table?.TableName} exists and accepts reads and writes (${state}).`)
    : broken(`The table is ${state}.`)
}

function keysOf(table: TableDescription | undefined): Finding {
  const keys = (table?.KeySchema ?? []).map(({ AttributeName, KeyType }) => `${AttributeName} ${KeyType}`)
  return String(keys) === 'pk HASH,sk RANGE'
    ? good('Its keys are pk and sk.')
    : broken(`Its keys are ${keys.join(' and ')}; create a table of another name by quintet migrate up.`)
}

function replicasOf(table: TableDescription | undefined): Finding {
  const replicas = table?.Replicas ?? []
  return replicas.length === 0
    ? good('It has no replicas in other regions.')
    : weak(
        `It has replicas in ${replicas.map(({ RegionName }) => RegionName).join(', ')}: conditions hold within one region only, so nothing may write there.`,
      )
}

function expiryOf(attribute: string | undefined): Finding {
  return attribute === removableAt
    ? good(`Time to live removes expired idempotency records (${removableAt}).`)
    : weak(`Time to live is not set to ${removableAt}: idempotency records accumulate.`)
}

function backupsOf(state: string | undefined): Finding {
  return state === 'ENABLED'
    ? good('Point-in-time recovery is on: the table can be restored to any second.')
    : weak('Point-in-time recovery is off or its state is unknown: deleted data cannot be restored.')
}
