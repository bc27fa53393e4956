import { connect } from 'amqplib'
import type { Channel, ChannelModel } from 'amqplib'
import { argumentsOf, openChannel } from '../queue/amqp/topology.ts'
import { openQueue } from '../queue/index.ts'
import { good, weak } from './port.ts'
import type { Finding } from './port.ts'

const ordersQueue = 'billing_queue'

/** RabbitMQ: it accepts messages, and the queue of orders is a quorum queue, which survives the loss of a node. */
export async function diagnoseAmqp(url: string): Promise<Finding[]> {
  // The adapter has the best error messages for a refused connection.
  const queue = await openQueue(url)
  await queue.ping().finally(() => queue.close())
  const connection = await connect(url, { timeout: 5_000 })
  connection.on('error', () => {})
  try {
    return [good('It answers, and accepts the user and the password.'), await kindOf(connection)]
  } finally {
    await connection.close().catch(() => {})
  }
}

/** RabbitMQ reveals the type of a queue only by refusing a declaration that differs in the type alone. */
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
        `${ordersQueue} is a classic queue, stored on one node only: empty and delete it, and it will be declared as a quorum queue.`,
      )
}

/** The broker closes the channel when it refuses, so each request has a channel of its own. */
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
