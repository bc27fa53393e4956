import { createServer } from 'node:http'
import { connect } from 'amqplib'
import pg from 'pg'

/** A plain implementation of billing for comparison: amqplib, one insert and then one acknowledgement for each order. */

const queue = String(process.env.PEER_QUEUE)
const prefetch = 32
const pool = new pg.Pool({ connectionString: String(process.env.PEER_DATABASE_URL), max: 10 })
const connection = await connect(String(process.env.PEER_QUEUE_URL), { noDelay: true })
const channel = await connection.createChannel()
await channel.prefetch(prefetch)
await channel.consume(queue, async (message) => {
  if (message === null) return
  const order: Record<string, string> = JSON.parse(message.content.toString())
  await pool.query('insert into orders (user_id, number_of_items, total_amount) values ($1, $2, $3)', [
    order.user_id,
    Number(order.number_of_items),
    order.total_amount,
  ])
  channel.ack(message)
})

createServer((_request, response) => response.end('ready')).listen(
  Number(process.env.PEER_PORT),
  process.env.HOST,
)
process.on('SIGTERM', () => process.exit(0))
