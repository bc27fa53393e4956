import { setTimeout as pause } from 'node:timers/promises'
import {
  BatchWriteItemCommand,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  TransactionCanceledException,
  TransactWriteItemsCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb'
import type {
  AttributeValue,
  CancellationReason,
  TransactWriteItem,
  WriteRequest,
} from '@aws-sdk/client-dynamodb'
import { exponentialBackoffMs } from '@quintet/chassis/clock'
import { createLimiter } from '@quintet/chassis/concurrency'
import { AppError, dependencyDown } from '@quintet/chassis/errors'
import { NodeHttpHandler } from '@smithy/node-http-handler'

export type Item = Record<string, AttributeValue>
export type Key = { readonly pk: string; readonly sk: string }
export type Put = {
  readonly item: Item
  readonly condition?: string
  readonly names?: Readonly<Record<string, string>>
  readonly values?: Item
}

/**
 * One table of DynamoDB, which need not be there. Reads are strongly consistent. What the service throttles or could not do
 * for now is tried again a few times; everything rejects with `dependency_down` where it cannot be reached or refuses whom
 * it is asked by, and with `overloaded` where it goes on throttling.
 */
export type DynamodbConnection = {
  get(key: Key): Promise<Item | undefined>
  /** Items of one partition from `from` to `to`, both included, in their order, a page at a time. */
  range(pk: string, from: string, to: string, pageSize?: number): AsyncIterable<Item>
  /** Puts one item; false where its condition does not hold. */
  put(put: Put): Promise<boolean>
  /** Puts these items, each for itself and in no order; puts that are repeated do no harm. */
  putAll(items: readonly Item[]): Promise<void>
  /** Counts on and gives the number. */
  next(key: Key): Promise<number>
  /**
   * All or nothing. Resolves to the indexes of the conditions that did not hold, none where it is done. `token` makes it
   * harmless to send it again while DynamoDB remembers the token, for ten minutes; `wasDone` is asked where a repetition is
   * refused, because the first may have had its effect. Rejects with `outcome_unknown` where no answer comes.
   */
  transact(puts: readonly Put[], token: string, wasDone: () => Promise<boolean>): Promise<readonly number[]>
  readonly client: DynamoDBClient
  readonly table: string
  close(): void
}

const connectTimeoutMs = 1_000
const answerTimeoutMs = 2_000
const socketsMax = 64
const waitingMax = 5_000
const attemptsMax = 5
/** How long the outcome of an effect is asked for; what is not known by then is told to be unknown. */
const knownWithinMs = 4_000
const itemsPerBatchMax = 25
const itemsPerPage = 50

export function openDynamodbConnection(url: string): DynamodbConnection {
  const { client, table } = createClient(url)
  const TableName = table
  // The client would count the wait for a connection as a part of the time that an answer takes.
  const limiter = createLimiter({
    concurrencyMax: socketsMax,
    waitingMax,
    refusal: 'Too many requests are waiting for the database.',
  })

  /** For what does no harm when it is done twice. */
  async function tried<R>(work: () => Promise<R>): Promise<R> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await limiter(work)
      } catch (error) {
        if (!isTransient(error) || attempt >= attemptsMax) throw failure(error)
        await pause(exponentialBackoffMs(attempt))
      }
    }
  }

  async function putBatch(requests: WriteRequest[]): Promise<void> {
    for (let left = requests, attempt = 1; left.length > 0; attempt++) {
      if (attempt > 1) await pause(exponentialBackoffMs(attempt - 1))
      if (attempt > attemptsMax) throw throttled()
      const command = new BatchWriteItemCommand({ RequestItems: { [table]: left } })
      const { UnprocessedItems } = await tried(() => client.send(command))
      left = UnprocessedItems?.[table] ?? []
    }
  }

  return {
    client,
    table,

    async get({ pk, sk }) {
      const Key = { pk: { S: pk }, sk: { S: sk } }
      const command = new GetItemCommand({ TableName, Key, ConsistentRead: true })
      return (await tried(() => client.send(command))).Item
    },

    async *range(pk, from, to, pageSize = itemsPerPage) {
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
        const page = await tried(() => client.send(command))
        yield* page.Items ?? []
        start = page.LastEvaluatedKey
      } while (start !== undefined)
    },

    async put(put) {
      try {
        await tried(() => client.send(new PutItemCommand(inputOf(TableName, put))))
        return true
      } catch (error) {
        if (nameOf(error) === 'ConditionalCheckFailedException') return false
        throw error
      }
    },

    async putAll(items) {
      const requests = items.map((Item) => ({ PutRequest: { Item } }))
      for (let i = 0; i < requests.length; i += itemsPerBatchMax)
        await putBatch(requests.slice(i, i + itemsPerBatchMax))
    },

    async next({ pk, sk }) {
      const command = new UpdateItemCommand({
        TableName,
        Key: { pk: { S: pk }, sk: { S: sk } },
        UpdateExpression: 'ADD #last :one',
        ExpressionAttributeNames: { '#last': 'last' },
        ExpressionAttributeValues: { ':one': { N: '1' } },
        ReturnValues: 'UPDATED_NEW',
      })
      const { Attributes } = await tried(() => client.send(command))
      return Number(Attributes?.last?.N)
    },

    async transact(puts, token, wasDone) {
      const TransactItems: TransactWriteItem[] = puts.map((put) => ({ Put: inputOf(TableName, put) }))
      const command = new TransactWriteItemsCommand({ TransactItems, ClientRequestToken: token })
      const giveUpAt = performance.now() + knownWithinMs
      let lost: unknown
      for (let attempt = 1; ; attempt++) {
        try {
          await limiter(() => client.send(command))
          return []
        } catch (error) {
          const failed = failedConditions(error)
          // What stands in the way may be the effect of an earlier try whose answer was lost.
          if (failed.length > 0) return lost !== undefined && (await doneOrUnknown(wasDone)) ? [] : failed
          if (isLost(error)) lost = error
          const isWorthAnother = isLost(error) || isTransient(error)
          if (!isWorthAnother || attempt >= attemptsMax || performance.now() > giveUpAt)
            throw lost === undefined ? failure(error) : unknownOutcome(lost)
          await pause(exponentialBackoffMs(attempt))
        }
      }
    },

    close: () => client.destroy(),
  }
}

/** `dynamodb://key:secret@host:port/table?region=…&tls=false`; without a host it is AWS, without a key what AWS' chain finds. */
function createClient(url: string): { client: DynamoDBClient; table: string } {
  const { username, password, host, pathname, searchParams } = new URL(url)
  const region = searchParams.get('region')
  const table = decodeURIComponent(pathname.slice(1))
  const scheme = searchParams.get('tls') === 'false' ? 'http' : 'https'
  const client = new DynamoDBClient({
    ...(region !== null && { region }),
    ...(host !== '' && { endpoint: `${scheme}://${host}` }),
    ...(username !== '' && {
      credentials: {
        accessKeyId: decodeURIComponent(username),
        secretAccessKey: decodeURIComponent(password),
      },
    }),
    // Each repetition is decided here, where it is known what it would mean.
    maxAttempts: 1,
    requestHandler: new NodeHttpHandler({
      connectionTimeout: connectTimeoutMs,
      requestTimeout: answerTimeoutMs,
      throwOnRequestTimeout: true,
      httpAgent: { keepAlive: true, maxSockets: socketsMax },
      httpsAgent: { keepAlive: true, maxSockets: socketsMax },
    }),
  })
  return { client, table }
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

const transientErrors = new Set([
  'InternalServerError',
  'LimitExceededException',
  'ProvisionedThroughputExceededException',
  'RequestLimitExceeded',
  'ServiceUnavailable',
  'ThrottlingException',
  'TransactionConflictException',
  'TransactionInProgressException',
])
const transientReasons = new Set(['TransactionConflict', 'ThrottlingError', 'ProvisionedThroughputExceeded'])

/** The service did nothing, and may do it a little later. */
function isTransient(error: unknown): boolean {
  if (error instanceof TransactionCanceledException)
    return reasonsOf(error).every(
      ({ Code }) => Code === undefined || Code === 'None' || transientReasons.has(Code),
    )
  return transientErrors.has(nameOf(error))
}

/** The answer did not come, so the effect may have been had. */
function isLost(error: unknown): boolean {
  if (nameOf(error) === 'InternalServerError') return true
  return !isAnswer(error) && !neverConnected.has(codeOf(error))
}

/** Codes of connections that were never there, so that nothing was sent. */
const neverConnected = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH'])

/** The service answered, if only to refuse. */
function isAnswer(error: unknown): boolean {
  const metadata: unknown = error instanceof Error && '$metadata' in error ? error.$metadata : undefined
  return typeof metadata === 'object' && metadata !== null && 'httpStatusCode' in metadata
    ? metadata.httpStatusCode !== undefined
    : false
}

function failedConditions(error: unknown): readonly number[] {
  if (!(error instanceof TransactionCanceledException)) return []
  return reasonsOf(error).flatMap(({ Code }, i) => (Code === 'ConditionalCheckFailed' ? [i] : []))
}

function reasonsOf({ CancellationReasons }: TransactionCanceledException): readonly CancellationReason[] {
  return CancellationReasons ?? []
}

const refusedCallers = new Set([
  'AccessDeniedException',
  'CredentialsProviderError',
  'ExpiredTokenException',
  'IncompleteSignatureException',
  'InvalidSignatureException',
  'MissingAuthenticationTokenException',
  'UnrecognizedClientException',
])

/** What an error of the client means for who asked; what is a fault of this program stays what it is. */
export function failure(error: unknown): unknown {
  if (error instanceof AppError) return error
  const name = nameOf(error)
  if (isTransient(error)) return throttled(error)
  if (name === 'ResourceNotFoundException')
    return dependencyDown('The table does not exist: run quintet migrate up.', error)
  if (refusedCallers.has(name))
    return dependencyDown('DynamoDB refuses the credentials, or there are none.', error)
  return isAnswer(error) ? error : dependencyDown('DynamoDB does not answer.', error)
}

function throttled(cause?: unknown): AppError {
  return new AppError('overloaded', 'DynamoDB takes no more for now.', { cause })
}

async function doneOrUnknown(wasDone: () => Promise<boolean>): Promise<boolean> {
  try {
    return await wasDone()
  } catch (error) {
    throw unknownOutcome(error)
  }
}

function unknownOutcome(cause: unknown): AppError {
  return new AppError('outcome_unknown', 'DynamoDB did not say whether it was done.', { cause })
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : ''
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}
