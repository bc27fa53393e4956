import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MongoClient } from 'mongodb'
import { skipReason } from '../src/index.ts'

const writers = 50
const rounds = 10
const mongodb = process.env.ENGINE_MONGODB
const dynamodb = process.env.ENGINE_DYNAMODB

test('Of 50 concurrent updates with one condition MongoDB applies one', {
  skip: skipReason('mongodb'),
}, async (t) => {
  const client = await new MongoClient(String(mongodb)).connect()
  const database = client.db(`stand_in_${crypto.randomUUID().slice(0, 8)}`)
  t.after(async () => {
    await database.dropDatabase()
    await client.close()
  })
  const guids = database.collection<{ _id: string; version: number }>('guid')
  await guids.insertOne({ _id: 'a', version: 0 })
  const found = await Promise.all(
    Array.from({ length: writers }, () =>
      guids.findOneAndUpdate({ _id: 'a', version: 0 }, { $inc: { version: 1 } }),
    ),
  )
  assert.equal(found.filter((document) => document !== null).length, 1)
  assert.equal((await guids.findOne({ _id: 'a' }))?.version, 1)
})

test('Of 50 concurrent transactions with one condition DynamoDB commits one, 10 times', {
  skip: skipReason('dynamodb'),
}, async (t) => {
  const table = `stand-in-${crypto.randomUUID()}`
  await call('CreateTable', {
    TableName: table,
    KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }],
    AttributeDefinitions: [{ AttributeName: 'pk', AttributeType: 'S' }],
    BillingMode: 'PAY_PER_REQUEST',
  })
  t.after(() => call('DeleteTable', { TableName: table }))
  const unlessThere = { TableName: table, ConditionExpression: 'attribute_not_exists(pk)' }
  for (let round = 0; round < rounds; round++) {
    const outcomes = await Promise.all(
      Array.from({ length: writers }, (_, writer) =>
        call('TransactWriteItems', {
          TransactItems: [
            { Put: { ...unlessThere, Item: { pk: { S: `account ${round}` } } } },
            { Put: { ...unlessThere, Item: { pk: { S: `order ${round} ${writer}` } } } },
          ],
        }),
      ),
    )
    assert.equal(outcomes.filter((status) => status === 200).length, 1)
    assert.equal(outcomes.filter((status) => status === 400).length, writers - 1)
  }
})

/** Neither moto nor DynamoDB Local verifies the signature. */
async function call(operation: string, body: unknown): Promise<number> {
  const response = await fetch(`http://${new URL(String(dynamodb)).host}/`, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-amz-json-1.0',
      'x-amz-target': `DynamoDB_20120810.${operation}`,
      'x-amz-date': '20260101T000000Z',
      authorization:
        'AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0',
    },
    body: JSON.stringify(body),
  })
  await response.text()
  return response.status
}
