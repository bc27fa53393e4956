import {
  DescribeContinuousBackupsCommand,
  DescribeTableCommand,
  DescribeTimeToLiveCommand,
} from '@aws-sdk/client-dynamodb'
import type { TableDescription } from '@aws-sdk/client-dynamodb'
import { broken, good, weak } from '@quintet/chassis/diagnosis'
import type { Finding } from '@quintet/chassis/diagnosis'
import { failure, openDynamodbConnection } from './connection.ts'
import { removableAt } from './table.ts'

/** DynamoDB: a table of the right keys that takes writes, cleans up by itself and can be brought back as it was. */
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
    const reason = failure(error)
    return [broken(reason instanceof Error ? reason.message : String(reason))]
  } finally {
    close()
  }
}

const unknown = () => undefined

function stateOf(table: TableDescription | undefined): Finding {
  const state = table?.TableStatus
  return state === 'ACTIVE' || state === 'UPDATING'
    ? good(`The table ${table?.TableName} is there and takes reads and writes (${state}).`)
    : broken(`The table is ${state}.`)
}

function keysOf(table: TableDescription | undefined): Finding {
  const keys = (table?.KeySchema ?? []).map(({ AttributeName, KeyType }) => `${AttributeName} ${KeyType}`)
  return String(keys) === 'pk HASH,sk RANGE'
    ? good('Its keys are pk and sk.')
    : broken(`Its keys are ${keys.join(' and ')}; let quintet migrate up make one of another name.`)
}

function replicasOf(table: TableDescription | undefined): Finding {
  const replicas = table?.Replicas ?? []
  return replicas.length === 0
    ? good('It is written in one region.')
    : weak(
        `It has replicas in ${replicas.map(({ RegionName }) => RegionName).join(', ')}: conditions hold in one region alone, so let nobody write there.`,
      )
}

function expiryOf(attribute: string | undefined): Finding {
  return attribute === removableAt
    ? good(`What is kept for a day is removed by itself (${removableAt}).`)
    : weak(`Time to live is not set to ${removableAt}: answers under Idempotency-Keys pile up.`)
}

function backupsOf(state: string | undefined): Finding {
  return state === 'ENABLED'
    ? good('It can be brought back as it was at any second (point-in-time recovery).')
    : weak('Point-in-time recovery is off or could not be asked for: what is deleted stays deleted.')
}
