import {
  CreateTableCommand,
  DeleteTableCommand,
  DescribeTableCommand,
  UpdateTimeToLiveCommand,
  waitUntilTableExists,
  waitUntilTableNotExists,
} from '@aws-sdk/client-dynamodb'
import { nothingToRevert } from '@quintet/chassis/database'
import type { MigrationAction } from '@quintet/chassis/database'
import { openDynamodbConnection } from './connection.ts'
import type { DynamodbConnection } from './connection.ts'
import { translateError } from './errors.ts'

/** The only migration: DynamoDB has no schema beyond the keys of the table. */
const tableMigration = '0001-create-table'
const readyWithinSeconds = 120

/** The time-to-live attribute, in Unix seconds. DynamoDB removes an expired item within a few days. */
export const removableAt = 'removable_at'

/** For `quintet migrate`: reports, creates or deletes the table. */
export async function migrateTable(url: string, action: MigrationAction): Promise<string[]> {
  const connection = openDynamodbConnection(url)
  try {
    const exists = await hasTable(connection)
    if (action === 'status') return [`${tableMigration} ${exists ? 'applied' : 'pending'}`]
    if (action === 'down' && !(exists && (await deleteTable(connection))))
      throw nothingToRevert(`table ${connection.table}`)
    if (action === 'up' && (exists || !(await createTable(connection)))) return []
    return [tableMigration]
  } catch (error) {
    throw translateError(error)
  } finally {
    connection.close()
  }
}

async function hasTable({ client, table }: DynamodbConnection): Promise<boolean> {
  return succeeds(client.send(new DescribeTableCommand({ TableName: table })), 'ResourceNotFoundException')
}

/** Resolves to false when another process created it first. */
async function createTable({ client, table: TableName }: DynamodbConnection): Promise<boolean> {
  const create = new CreateTableCommand({
    TableName,
    BillingMode: 'PAY_PER_REQUEST',
    AttributeDefinitions: [
      { AttributeName: 'pk', AttributeType: 'S' },
      { AttributeName: 'sk', AttributeType: 'S' },
    ],
    KeySchema: [
      { AttributeName: 'pk', KeyType: 'HASH' },
      { AttributeName: 'sk', KeyType: 'RANGE' },
    ],
  })
  const isCreated = await succeeds(client.send(create), 'ResourceInUseException')
  await waitUntilTableExists({ client, maxWaitTime: readyWithinSeconds }, { TableName })
  if (!isCreated) return false
  const TimeToLiveSpecification = { AttributeName: removableAt, Enabled: true }
  await client.send(new UpdateTimeToLiveCommand({ TableName, TimeToLiveSpecification }))
  return true
}

async function deleteTable({ client, table: TableName }: DynamodbConnection): Promise<boolean> {
  const isDeleted = await succeeds(
    client.send(new DeleteTableCommand({ TableName })),
    'ResourceNotFoundException',
  )
  await waitUntilTableNotExists({ client, maxWaitTime: readyWithinSeconds }, { TableName })
  return isDeleted
}

/** Resolves to false on an error of this name. */
async function succeeds(work: Promise<unknown>, errorName: string): Promise<boolean> {
  try {
    await work
    return true
  } catch (error) {
    if (error instanceof Error && error.name === errorName) return false
    throw error
  }
}
