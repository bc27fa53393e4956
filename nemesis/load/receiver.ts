import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { fault } from '../faults/fault.ts'
import type { Fault } from '../faults/fault.ts'

/** A receiver of notifications, on a port of its own. */
export type Receiver = {
  readonly environment: Readonly<Record<string, string>>
  readonly faults: readonly Fault[]
  onDelivery: (delivery: ReceivedDelivery) => void
  close(): void
}

type ReceivedDelivery = { readonly id: string; readonly certificate: number; readonly isActive: boolean }

const secret = 'a secret of the receiver'

export async function startReceiver(): Promise<Receiver> {
  let isFailing = false
  const server = createServer(async (request, response) => {
    const delivery = deliveryOf(request, Buffer.concat(await request.toArray()).toString())
    if (delivery !== undefined) receiver.onDelivery(delivery)
    // It has the notification, and does not say so: it gets it again.
    response.writeHead(delivery === undefined ? 401 : isFailing ? 503 : 204).end()
  })
  const listen = async (port: number) => {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
  }
  const leave = () => {
    server.close()
    server.closeAllConnections()
  }
  await listen(0)
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const receiver: Receiver = {
    environment: {
      CERTIFICATES_NOTIFY_URL: `http://127.0.0.1:${port}/`,
      CERTIFICATES_NOTIFY_SECRET: secret,
      CERTIFICATES_NOTIFY_TIMEOUT_MS: '2000',
    },
    faults: [
      fault('receiver: away', leave, () => listen(port)),
      fault(
        'receiver: fails',
        () => {
          isFailing = true
        },
        () => {
          isFailing = false
        },
      ),
    ],
    onDelivery: () => {},
    close: leave,
  }
  return receiver
}

/** Undefined for one that is not signed. */
function deliveryOf({ headers }: IncomingMessage, body: string): ReceivedDelivery | undefined {
  const signature = createHmac('sha256', secret).update(`${headers['x-timestamp']}.${body}`).digest('hex')
  if (headers['x-signature'] !== `sha256=${signature}`) return undefined
  const { id, active } = JSON.parse(body)
  return { id: String(headers['x-delivery-id']), certificate: id, isActive: active }
}
