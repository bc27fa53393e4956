import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { NodeHttpHandler } from '@smithy/node-http-handler'

const connectTimeoutMs = 1_000
const requestTimeoutMs = 2_000
export const socketsMax = 64

type Client = {
  readonly client: DynamoDBClient
  readonly table: string
  /** Closes the connections that are idle, since others of their time have failed. */
  discardIdle(): void
}

/**
 * `dynamodb://key:secret@host:port/table?region=…&tls=false`. Without a host it is AWS; without a key the credentials come from
 * the default provider chain of the SDK.
 */
export function createClient(url: string): Client {
  const { username, password, host, pathname, searchParams } = new URL(url)
  const region = searchParams.get('region')
  const table = decodeURIComponent(pathname.slice(1))
  const scheme = searchParams.get('tls') === 'false' ? 'http' : 'https'
  const agentOptions = { keepAlive: true, maxSockets: socketsMax }
  const [httpAgent, httpsAgent] = [new HttpAgent(agentOptions), new HttpsAgent(agentOptions)]
  const client = new DynamoDBClient({
    ...(region !== null && { region }),
    ...(host !== '' && { endpoint: `${scheme}://${host}` }),
    ...(username !== '' && {
      credentials: {
        accessKeyId: decodeURIComponent(username),
        secretAccessKey: decodeURIComponent(password),
      },
    }),
    // The connection retries by itself, since it depends on the request whether that is safe.
    maxAttempts: 1,
    requestHandler: new NodeHttpHandler({
      connectionTimeout: connectTimeoutMs,
      requestTimeout: requestTimeoutMs,
      throwOnRequestTimeout: true,
      httpAgent,
      httpsAgent,
    }),
  })
  const discardIdle = () => {
    for (const { freeSockets } of [httpAgent, httpsAgent])
      for (const socket of Object.values(freeSockets).flat()) socket?.destroy()
  }
  return { client, table, discardIdle }
}
