import {
  CreateTableCommand,
  DeleteTableCommand,
  DescribeTableCommand,
  UpdateTimeToLiveCommand,
  waitUntilTableExists,
  waitUntilTableNotExists,
} from '@aws-sdk/client-dynamodb'
import type { MigrationAction } from '@quintet/chassis/database'
import { failure, openDynamodbConnection } from './connection.ts'
import type { DynamodbConnection } from './connection.ts'

/** The one change that there is: everything is in one table, whose items have no further form of their own. */
export const tableMigration = '0001-create-table'
const readyWithinSeconds = 120

/** In which attribute an item says when it may be removed, in Unix seconds. DynamoDB removes it some days later at most. */
export const removableAt = 'removable_at'

/** What `quintet migrate` does with the table: tells, makes or removes it. */
export async function migrateTable(url: string, action: MigrationAction): Promise<string[]> {
  const link = openDynamodbConnection(url)
  try {
    const isThere = await hasTable(link)
    if (action === 'status') return [`${tableMigration} ${isThere ? 'applied' : 'pending'}`]
    if (isThere === (action === 'up')) return []
    const isOurs = action === 'up' ? await createTable(link) : await deleteTable(link)
    return isOurs ? [tableMigration] : []
  } catch (error) {
    throw failure(error)
  } finally {
    link.close()
  }
}

async function hasTable({ client, table }: DynamodbConnection): Promise<boolean> {
  return succeeds(client.send(new DescribeTableCommand({ TableName: table })), 'ResourceNotFoundException')
}

/** False where another was first. */
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
  const isOurs = await succeeds(client.send(create), 'ResourceInUseException')
  await waitUntilTableExists({ client, maxWaitTime: readyWithinSeconds }, { TableName })
  if (!isOurs) return false
  const TimeToLiveSpecification = { AttributeName: removableAt, Enabled: true }
  await client.send(new UpdateTimeToLiveCommand({ TableName, TimeToLiveSpecification }))
  return true
}

async function deleteTable({ client, table: TableName }: DynamodbConnection): Promise<boolean> {
  const isOurs = await succeeds(
    client.send(new DeleteTableCommand({ TableName })),
    'ResourceNotFoundException',
  )
  await waitUntilTableNotExists({ client, maxWaitTime: readyWithinSeconds }, { TableName })
  return isOurs
}

/** False where it fails with an error of this name. */
async function succeeds(work: Promise<unknown>, errorName: string): Promise<boolean> {
  try {
    await work
    return true
  } catch (error) {
    if (error instanceof Error && error.name === errorName) return false
    throw error
  }
}
