import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { NodeHttpHandler } from '@smithy/node-http-handler'

const connectTimeoutMs = 1_000
const requestTimeoutMs = 2_000
export const socketsMax = 64

/**
 * `dynamodb://key:secret@host:port/table?region=…&tls=false`. Without a host it is AWS; without a key the credentials come from
 * the default provider chain of the SDK.
 */
export function createClient(url: string): { client: DynamoDBClient; table: string } {
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
    // The connection retries by itself, since it depends on the request whether that is safe.
    maxAttempts: 1,
    requestHandler: new NodeHttpHandler({
      connectionTimeout: connectTimeoutMs,
      requestTimeout: requestTimeoutMs,
      throwOnRequestTimeout: true,
      httpAgent: { keepAlive: true, maxSockets: socketsMax },
      httpsAgent: { keepAlive: true, maxSockets: socketsMax },
    }),
  })
  return { client, table }
}
