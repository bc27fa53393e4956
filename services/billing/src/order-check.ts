import { randomBytes } from 'node:crypto'
import type { Database } from '@quintet/chassis/database'
import { checkEach } from '@quintet/chassis/promises'
import type { Check, PromiseFinding } from '@quintet/chassis/promises'
import { sql } from 'kysely'
import type { OrderStore, OrderTables } from './order-store.ts'

/** Of more orders than this, only samples are checked, since counting reads every row. */
const countedMax = 200_000
const namedMax = 5

/** A check that each message of the inbox has made one order, and that no order is there without its message. */
export function checkOrders(
  database: Database<OrderTables>,
  orders: Pick<OrderStore, 'findByMessage'>,
): Check {
  const { query } = database
  const sampled = checkEach({
    noun: 'message',
    kept: 'each has its order',
    pick: (max) => randomMessages(database, max),
    async faultOf(messageId) {
      if ((await orders.findByMessage(messageId)) !== undefined) return undefined
      const rows = await query
        .selectFrom('inbox')
        .select('order_id')
        .where('message_id', '=', messageId)
        .execute()
      return rows.length > 0 ? 'its order is missing' : undefined
    },
  })

  /** Both counts by one statement, so that they are of one state. */
  async function counted(): Promise<PromiseFinding | undefined> {
    const { rows } = await sql<{ orders: number; messages: number }>`
      select (select count(*) from orders) as orders, (select count(*) from inbox) as messages`.execute(query)
    const [counts = { orders: 0, messages: 0 }] = rows
    const [orderCount, messageCount] = [Number(counts.orders), Number(counts.messages)]
    if (orderCount === messageCount) return undefined
    const found = `There are ${orderCount} orders of ${messageCount} messages${await namesOfOthers()}.`
    return { verdict: 'broken', found, sample: orderCount }
  }

  async function namesOfOthers(): Promise<string> {
    const extra = await query
      .selectFrom('orders')
      .select('id')
      .where('id', 'not in', query.selectFrom('inbox').select('order_id'))
      .limit(namedMax)
      .execute()
    return extra.length === 0 ? '' : `: order ${extra.map(({ id }) => id).join(', ')} without one`
  }

  return async (look) => {
    const finding = await sampled(look)
    if (finding.verdict !== 'kept') return finding
    const last = await query
      .selectFrom('orders')
      .select(({ fn }) => fn.max('id').as('id'))
      .executeTakeFirst()
    if (Number(last?.id ?? 0) > countedMax) return finding
    return (await counted()) ?? finding
  }
}

/** The ids of messages that follow random texts between the first and the last, each found by the index of the ids. */
async function randomMessages({ query }: Database<OrderTables>, max: number): Promise<string[]> {
  const ids = () => query.selectFrom('inbox').select('message_id')
  const start = await ids().orderBy('message_id').limit(max).execute()
  const last = await ids().orderBy('message_id', 'desc').limit(1).executeTakeFirst()
  const [first] = start
  if (first === undefined || last === undefined || start.length < max)
    return start.map((row) => row.message_id)
  const found = await Promise.all(
    Array.from({ length: max - 1 }, () =>
      ids()
        .where('message_id', '>=', textBetween(first.message_id, last.message_id))
        .orderBy('message_id')
        .limit(1)
        .executeTakeFirst(),
    ),
  )
  return [...new Set([last, ...found].flatMap((row) => (row === undefined ? [] : [row.message_id])))]
}

/** A text that has the beginning that both have, then a character between theirs, and then hexadecimal digits, as UUIDs do. */
function textBetween(first: string, last: string): string {
  let common = 0
  while (common < first.length && first[common] === last[common]) common += 1
  const [from, to] = [first.charCodeAt(common) || 0x30, last.charCodeAt(common) || 0x7a]
  const character = String.fromCharCode(from + Math.floor(Math.random() * (to - from + 1)))
  return `${first.slice(0, common)}${character}${randomBytes(4).toString('hex')}`
}
