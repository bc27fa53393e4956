import { connect } from 'node:net'

const responseTimeoutMs = 3000
const responseBytesMax = 65_536

/** The first exchange of a protocol. */
type Exchange = {
  /** The port if the URL has none. */
  readonly standardPort: number
  readonly request: Buffer
  isComplete(response: Buffer): boolean
}

/** Connects, sends the request, and returns the response when it is complete; rejects with the reason otherwise. */
export function exchange(url: URL, { standardPort, request, isComplete }: Exchange): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const host = url.hostname.replace(/^\[|\]$/g, '')
    const socket = connect({ host, port: Number(url.port) || standardPort })
    let response = Buffer.alloc(0)
    const fail = (reason: string) => {
      socket.destroy()
      reject(new Error(`${url.host} ${reason}`))
    }
    socket.setTimeout(responseTimeoutMs, () => fail('does not respond'))
    socket.on('error', (error: NodeJS.ErrnoException) =>
      fail(`cannot be reached (${error.code ?? error.message})`),
    )
    socket.on('close', () => fail('closes the connection'))
    socket.on('connect', () => socket.write(request))
    socket.on('data', (chunk: Buffer) => {
      response = Buffer.concat([response, chunk])
      if (response.length > responseBytesMax) return fail('sends something else')
      if (!isComplete(response)) return
      socket.destroy()
      resolve(response)
    })
  })
}

/** The number as four bytes in network byte order. */
export function bigEndian(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

/** Requests a page of HTTP, and rejects with the reason unless the text of a response of 200 is the expected one. */
export async function requestPage(
  url: URL,
  path: string,
  isExpected: (text: string) => boolean,
): Promise<void> {
  const response = await fetch(new URL(path, url), { signal: AbortSignal.timeout(responseTimeoutMs) }).catch(
    (error: Error) => {
      throw new Error(`${url.host} does not respond: ${String(error.cause ?? error.message)}`)
    },
  )
  const text = await response.text()
  if (!response.ok || !isExpected(text))
    throw new Error(`${url.host} sends something else (${response.status})`)
}
