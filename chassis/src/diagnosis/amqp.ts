import { connect } from 'amqplib'
import type { Channel, ChannelModel } from 'amqplib'
import { argumentsOf, openChannel } from '../queue/amqp/topology.ts'
import { openQueue } from '../queue/index.ts'
import { good, weak } from './port.ts'
import type { Finding } from './port.ts'

const ordersQueue = 'billing_queue'

/** RabbitMQ: it takes messages, and its queue of orders is of the kind that survives the loss of a node. */
export async function diagnoseAmqp(url: string): Promise<Finding[]> {
  // The adapter tells best what keeps a client out.
  const queue = await openQueue(url)
  await queue.ping().finally(() => queue.close())
  const connection = await connect(url, { timeout: 5_000 })
  connection.on('error', () => {})
  try {
    return [good('It answers, and takes the user and the password.'), await kindOf(connection)]
  } finally {
    await connection.close().catch(() => {})
  }
}

/** A broker tells of a queue's kind only by refusing who declares it of another, with all else as it is. */
async function kindOf(connection: ChannelModel): Promise<Finding> {
  const missing = await refusalOf(connection, (channel) => channel.checkQueue(ordersQueue))
  if (missing !== undefined) return good(`${ordersQueue} is not there yet; it will be a quorum queue.`)
  const asClassic = {
    durable: true,
    arguments: { ...argumentsOf(ordersQueue), 'x-queue-type': 'classic' },
  }
  const refusal = await refusalOf(connection, (channel) => channel.assertQueue(ordersQueue, asClassic))
  return refusal !== undefined && /inequivalent arg 'x-queue-type'/.test(refusal)
    ? good(`${ordersQueue} is a quorum queue.`)
    : weak(
        `${ordersQueue} is a classic queue, which lives on one node's disk: empty and delete it, and it becomes a quorum queue.`,
      )
}

/** The broker closes a channel with its refusal, so each question has its own. */
async function refusalOf(
  connection: ChannelModel,
  ask: (channel: Channel) => Promise<unknown>,
): Promise<string | undefined> {
  const channel = await openChannel(connection)
  try {
    await ask(channel)
    return undefined
  } catch (error) {
    return String(error)
  } finally {
    await channel.close().catch(() => {})
  }
}
