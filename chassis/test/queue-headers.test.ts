import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { runQueueCommand, unavailableAdmin } from '@quintet/chassis/queue'
import type { QueueAdmin, StoredMessage } from '@quintet/chassis/queue'
import type { Message as AmqpMessage } from 'amqplib'
import {
  anything,
  assert,
  asyncProperty,
  constantFrom,
  dictionary,
  integer,
  oneof,
  property,
  record,
  string,
} from 'fast-check'
import type { Arbitrary } from 'fast-check'
import { deliveryOf, propertiesOf, storedMessageOf } from '../src/queue/amqp/message.ts'
import { storedMessageOf as storedRecordOf } from '../src/queue/kafka/message.ts'
import { message } from './queue-contract/world.ts'

/** What any program that can publish may put into a header or property. */
const hostile = oneof(
  constantFrom<unknown>(-1000, 0, -1, 1.5, Number.NaN, Infinity, 1e9, 2 ** 63, 1e300, '3', '', true, null),
  constantFrom<unknown>(undefined, [], {}, { toString: 'x' }, Object.create(null), 'x'.repeat(100_000)),
  anything(),
)
const hasWaited = { 'x-death': [{ queue: 'work.retry.100', reason: 'expired', count: 1 }] }

test('amqp: a message that has not waited for a retry is in its first attempt, whatever its headers are', () => {
  const forged = oneof(hostile, integer({ min: 1, max: 1_000 }))
  assert(
    property(forged, hostile, (attempt, death) => {
      const headers = { 'x-quintet-attempt': attempt, 'x-death': death }
      return deliveryOf(amqpMessage({ headers })).attempt === 1
    }),
  )
})

test('amqp: attempts of a message that has waited are those that the consumer has counted, from 1 to 1,000', (t: TestContext) => {
  for (const attempt of [1, 2, 5, 1_000]) {
    const { headers } = propertiesOf(message('a'), { attempt })
    t.assert.equal(deliveryOf(amqpMessage({ headers: { ...headers, ...hasWaited } })).attempt, attempt)
  }
  assert(
    property(hostile, (attempt) => {
      const headers = { 'x-quintet-attempt': attempt, ...hasWaited }
      const counted = deliveryOf(amqpMessage({ headers })).attempt
      return Number.isInteger(counted) && counted >= 1 && counted <= 1_000
    }),
  )
})

test('amqp: a message with an empty id is a message without an id', (t: TestContext) => {
  const [one, two] = [amqpMessage({ messageId: '' }), amqpMessage({ messageId: '' })].map(deliveryOf)
  t.assert.match(one?.id ?? '', /^[0-9a-f-]{36}$/)
  t.assert.notEqual(one?.id, two?.id)
})

test('amqp: whatever headers and properties another program sets, a message can be shown', async () => {
  const names = ['x-quintet-attempt', 'x-quintet-reason', 'x-quintet-failed-at', 'x-first-death-reason']
  const headers = record(Object.fromEntries(names.map((name) => [name, hostile])))
  const properties = record({
    headers,
    timestamp: hostile,
    messageId: oneof(string(), constantFrom(undefined)),
  })
  await isShown(properties, (given) => storedMessageOf(amqpMessage(given), 1))
})

test('kafka: whatever headers another program sets, a message can be shown', async () => {
  const text = oneof(
    string(),
    constantFrom('-1000', 'NaN', '1e9', '1.5', '9'.repeat(400), 'x'.repeat(100_000)),
  )
  const names = ['quintet-attempts', 'quintet-reason', 'quintet-failed-at', 'other']
  const headers = dictionary(constantFrom(...names), text)
  const timestamp = constantFrom(-1, 0, 1.7e12, 9.2e18, Number.NaN)
  await isShown(record({ headers, timestamp }), ({ headers, timestamp }) =>
    storedRecordOf(
      {
        partition: 0,
        offset: 7n,
        timestamp,
        key: null,
        value: Buffer.from('x'),
        headers: new Map(Object.entries(headers)),
      },
      1,
    ),
  )
})

test('kafka: a record with an empty id is known by its place', (t: TestContext) => {
  const place = { partition: 3, offset: 7n, timestamp: 0, key: null, value: null }
  const headers = new Map([['quintet-id', '']])
  t.assert.equal(storedRecordOf({ ...place, headers }, 1).id, '3-7')
})

/** Asserts that `quintet queue show` prints such messages, in a bounded length and with a number of attempts. */
async function isShown<T>(given: Arbitrary<T>, storedOf: (given: T) => StoredMessage): Promise<void> {
  await assert(
    asyncProperty(given, async (values) => {
      const stored = storedOf(values)
      const broker: Pick<QueueAdmin, 'queues' | 'list'> = {
        queues: async () => [{ name: 'work.dead', depth: 1 }],
        list: async () => [stored],
      }
      const shown = await runQueueCommand(
        [{ ...unavailableAdmin(new Error('not used')), ...broker }],
        ['show', 'work.dead'],
      )
      return (
        Number.isInteger(stored.attempts) && /^ {4}published +\d{4}-/m.test(shown) && shown.length < 10_000
      )
    }),
  )
}

function amqpMessage(properties: Record<string, unknown>): AmqpMessage {
  return { content: Buffer.from('{}'), fields: {}, properties } as unknown as AmqpMessage
}
