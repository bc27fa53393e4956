import { setTimeout as pause } from 'node:timers/promises'
import {
  BatchWriteItemCommand,
  GetItemCommand,
  QueryCommand,
  TransactWriteItemsCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb'
import type {
  AttributeValue,
  DynamoDBClient,
  TransactWriteItem,
  WriteRequest,
} from '@aws-sdk/client-dynamodb'
import { exponentialBackoffMs } from '@quintet/chassis/clock'
import { createServerConnection, withDatabaseSpan } from '@quintet/chassis/database'
import type { OperationDurations } from '@quintet/chassis/database'
import { AppError } from '@quintet/chassis/errors'
import { createClient, socketsMax } from './client.ts'
import {
  failedConditions,
  hasResponse,
  isAmbiguous,
  isTransient,
  isUnreachable,
  throttled,
  translateError,
  unavailable,
  unknownOutcome,
} from './errors.ts'

export type Item = Record<string, AttributeValue>
export type Key = { readonly pk: string; readonly sk: string }
export type Put = {
  readonly item: Item
  readonly condition?: string
  readonly names?: Readonly<Record<string, string>>
  readonly values?: Item
}

/**
 * A connection to one table of DynamoDB, which need not exist yet. Reads are strongly consistent. Throttled and transient
 * failures are retried a few times. Everything rejects with `dependency_down` when DynamoDB is unreachable or refuses the
 * credentials, and with `overloaded` when it keeps throttling.
 */
export type DynamodbConnection = {
  /** The item, or only these of its attributes: names separated by commas. */
  get(key: Key, attributes?: readonly string[]): Promise<Item | undefined>
  /** The items of one partition with sort keys from `from` to `to` inclusive, in their order, read page by page. */
  query(pk: string, from: string, to: string, pageSize?: number): AsyncIterable<Item>
  /** Writes these items independently and in no order; it is safe to repeat. */
  putAll(items: readonly Item[]): Promise<void>
  /** Increments the counter at this key and resolves to its new value. */
  increment(key: Key): Promise<number>
  /**
   * Commits all puts or none. Resolves to the indexes of the puts whose conditions failed; none when it was committed. DynamoDB
   * stores the id of the unit for ten minutes, so that a retry has no second effect. When a retry fails its conditions, an earlier
   * attempt was committed if the first item that has the id as its `unit` is stored, which no later unit may replace. Conditions that
   * have failed must never hold again, so that an attempt that is still on its way has no effect either. Rejects with
   * `outcome_unknown` when nothing is found out.
   */
  transact(puts: readonly Put[], unit: string): Promise<readonly number[]>
  readonly client: DynamoDBClient
  readonly table: string
  close(): void
}

const waitingMax = 5_000
const attemptsMax = 5
/** How long an ambiguous transaction is retried before its outcome is reported as unknown. */
const retriesMaxMs = 4_000
const itemsPerBatchMax = 25
const itemsPerPage = 50

export function openDynamodbConnection(url: string, durations?: OperationDurations): DynamodbConnection {
  const { client, table, discardIdle } = createClient(url)
  watchCommands(client, durations)
  const TableName = table
  // The client would count the wait for a socket towards the timeout of the request.
  const server = createServerConnection({
    connectionsMax: socketsMax,
    waitingMax,
    connect: async () => client,
    discard: discardIdle,
    end: async () => client.destroy(),
    isStatementError: hasResponse,
    unavailable,
    isUnreachable,
  })

  /** Only for requests that are safe to repeat. */
  async function withRetries<R>(work: () => Promise<R>): Promise<R> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await server.use(work)
      } catch (error) {
        if (!isTransient(error) || attempt >= attemptsMax) throw translateError(error)
        await pause(exponentialBackoffMs(attempt))
      }
    }
  }

  async function putBatch(requests: WriteRequest[]): Promise<void> {
    for (let left = requests, attempt = 1; left.length > 0; attempt++) {
      if (attempt > 1) await pause(exponentialBackoffMs(attempt - 1))
      if (attempt > attemptsMax) throw throttled()
      const command = new BatchWriteItemCommand({ RequestItems: { [table]: left } })
      const { UnprocessedItems } = await withRetries(() => client.send(command))
      left = UnprocessedItems?.[table] ?? []
    }
  }

  async function get({ pk, sk }: Key, attributes?: readonly string[]): Promise<Item | undefined> {
    const Key = { pk: { S: pk }, sk: { S: sk } }
    const projection = attributes && projectionOf(attributes)
    const command = new GetItemCommand({ TableName, Key, ConsistentRead: true, ...projection })
    return (await withRetries(() => client.send(command))).Item
  }

  return {
    client,
    table,

    get,

    async *query(pk, from, to, pageSize = itemsPerPage) {
      let start: Item | undefined
      do {
        const command = new QueryCommand({
          TableName,
          KeyConditionExpression: 'pk = :pk and sk between :first and :last',
          ExpressionAttributeValues: { ':pk': { S: pk }, ':first': { S: from }, ':last': { S: to } },
          ConsistentRead: true,
          ExclusiveStartKey: start,
          Limit: pageSize,
        })
        const page = await withRetries(() => client.send(command))
        yield* page.Items ?? []
        start = page.LastEvaluatedKey
      } while (start !== undefined)
    },

    async putAll(items) {
      const requests = items.map((Item) => ({ PutRequest: { Item } }))
      for (let i = 0; i < requests.length; i += itemsPerBatchMax)
        await putBatch(requests.slice(i, i + itemsPerBatchMax))
    },

    async increment({ pk, sk }) {
      const command = new UpdateItemCommand({
        TableName,
        Key: { pk: { S: pk }, sk: { S: sk } },
        UpdateExpression: 'ADD #last :one',
        ExpressionAttributeNames: { '#last': 'last' },
        ExpressionAttributeValues: { ':one': { N: '1' } },
        ReturnValues: 'UPDATED_NEW',
      })
      const { Attributes } = await withRetries(() => client.send(command))
      return Number(Attributes?.last?.N)
    },

    transact(puts, unit) {
      const TransactItems: TransactWriteItem[] = puts.map((put) => ({ Put: inputOf(TableName, put) }))
      const command = new TransactWriteItemsCommand({ TransactItems, ClientRequestToken: unit })
      const marked = puts.find(({ item }) => item.unit?.S === unit)
      if (marked === undefined) throw new Error('No item of the transaction has its id.')
      const { pk, sk } = marked.item
      const key = { pk: pk?.S ?? '', sk: sk?.S ?? '' }
      const isCommitted = async () => (await get(key))?.unit?.S === unit
      return retryTransaction(() => server.use(() => client.send(command)), isCommitted)
    },

    close: () => void server.close(),
  }
}

/** Times and traces each attempt by itself, under the name of its operation, such as GetItem. */
function watchCommands(client: DynamoDBClient, durations: OperationDurations | undefined): void {
  client.middlewareStack.add(
    (next, { commandName = '' }) =>
      async (input) => {
        const operation = commandName.replace(/Command$/, '')
        const startedAt = performance.now()
        try {
          return await withDatabaseSpan('aws.dynamodb', operation, () => next(input))
        } finally {
          durations?.observe(operation, performance.now() - startedAt)
        }
      },
    { step: 'initialize', name: 'watchCommands' },
  )
}

/** Of attributes with any names; some would be reserved words. */
function projectionOf(attributes: readonly string[]) {
  const names = attributes.map((attribute, i) => [`#${i}`, attribute] as const)
  return {
    ProjectionExpression: names.map(([name]) => name).join(', '),
    ExpressionAttributeNames: Object.fromEntries(names),
  }
}

async function retryTransaction(
  send: () => Promise<unknown>,
  isCommitted: () => Promise<boolean>,
): Promise<readonly number[]> {
  const giveUpAt = performance.now() + retriesMaxMs
  let ambiguous: unknown
  for (let attempt = 1; ; attempt++) {
    try {
      await send()
      return []
    } catch (error) {
      const failed = failedConditions(error)
      // After an ambiguous attempt the conditions may fail because that attempt was committed.
      if (failed.length > 0) return ambiguous !== undefined && (await orUnknown(isCommitted())) ? [] : failed
      if (isAmbiguous(error)) ambiguous = error
      const mayRetry =
        isAmbiguous(error) || isTransient(error) || (ambiguous !== undefined && isRefused(error))
      if (!mayRetry || attempt >= attemptsMax || performance.now() > giveUpAt)
        throw ambiguous === undefined ? translateError(error) : unknownOutcome(ambiguous)
      await pause(exponentialBackoffMs(attempt))
    }
  }
}

/** Whether this process has refused to send the request, since DynamoDB is not available. */
function isRefused(error: unknown): boolean {
  return error instanceof AppError && error.code === 'dependency_down'
}

async function orUnknown(isCommitted: Promise<boolean>): Promise<boolean> {
  try {
    return await isCommitted
  } catch (error) {
    throw unknownOutcome(error)
  }
}

function inputOf(TableName: string, { item, condition, names, values }: Put) {
  return {
    TableName,
    Item: item,
    ...(condition !== undefined && { ConditionExpression: condition }),
    ...(names !== undefined && { ExpressionAttributeNames: { ...names } }),
    ...(values !== undefined && { ExpressionAttributeValues: values }),
  }
}
