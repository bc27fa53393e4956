import { connect } from 'amqplib'
import type { Channel, ChannelModel } from 'amqplib'
import { closeChannel, openChannel, quorumArguments, quorumQueueOf } from '../queue/amqp/topology.ts'
import { openQueue } from '../queue/index.ts'
import { good, weak } from './port.ts'
import type { Finding } from './port.ts'

/** RabbitMQ: it accepts messages, and the queues of the services are quorum queues, which survive the loss of a node. */
export async function diagnoseAmqp(url: string, queues: readonly string[]): Promise<Finding[]> {
  // The adapter has the best error messages for a refused connection.
  const queue = await openQueue(url)
  await queue.ping().finally(() => queue.close())
  const connection = await connect(url, { timeout: 5_000 })
  connection.on('error', () => {})
  try {
    const findings = [good('It responds, and accepts the user and the password.')]
    for (const name of queues)
      findings.push(await kindOf(connection, name), ...(await opennessOf(connection, name)))
    return findings
  } finally {
    await connection.close().catch(() => {})
  }
}

/** RabbitMQ reveals the type of a queue only by refusing a declaration that differs in the type alone. */
async function kindOf(connection: ChannelModel, queue: string): Promise<Finding> {
  const name = quorumQueueOf(queue)
  const missing = await refusalOf(connection, (channel) => channel.checkQueue(name))
  if (missing !== undefined) return good(`${name} is not there yet; it will be a quorum queue.`)
  const asClassic = { ...quorumArguments(queue), 'x-queue-type': 'classic' }
  const refusal = await refusalOf(connection, (channel) =>
    channel.assertQueue(name, { durable: true, arguments: asClassic }),
  )
  return refusal !== undefined && /inequivalent arg 'x-queue-type'/.test(refusal)
    ? good(`${name} is a quorum queue.`)
    : weak(
        `${name} is a classic queue, stored on one node only: empty and delete it, and it will be declared as a quorum queue.`,
      )
}

/** Whether other programs can declare the queue without arguments. */
async function opennessOf(connection: ChannelModel, queue: string): Promise<Finding[]> {
  const missing = await refusalOf(connection, (channel) => channel.checkQueue(queue))
  if (missing !== undefined) return []
  const refusal = await refusalOf(connection, (channel) => channel.assertQueue(queue, { durable: true }))
  if (refusal === undefined) return []
  return [
    weak(
      `${queue} has arguments, so programs that declare it without are refused. If an earlier version has declared it, the service that ` +
        'consumes it redeclares it when it starts while nothing else consumes it.',
    ),
  ]
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
    await closeChannel(channel)
  }
}
