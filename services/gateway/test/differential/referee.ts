import { Agent, request } from 'node:http'
import { Duplex } from 'node:stream'
import { emptyReading } from './reading.ts'
import type { Reading } from './reading.ts'

/** Has Node's HTTP client read a response that arrives in these parts, and then the end of the connection. */
export async function readByNode(method: string, parts: readonly Buffer[]): Promise<Reading> {
  const socket = new ScriptedSocket()
  const agent = new Agent({ keepAlive: true })
  agent.createConnection = () => socket
  const reading = emptyReading()
  const outgoing = request({ method, agent, host: 'a', maxHeaderSize: 1_000_000 })
  outgoing.on('error', (error) => {
    reading.outcome = isTruncation(error) ? 'incomplete' : 'refused'
  })
  outgoing.on('response', (response) => {
    Object.assign(reading, {
      status: response.statusCode,
      reason: response.statusMessage,
      fields: response.rawHeaders,
    })
    response.setEncoding('latin1')
    response.on('data', (text: string) => {
      reading.body += text
    })
    response.on('error', () => {})
    response.on('end', () => {
      if (response.complete && reading.outcome === 'incomplete') reading.outcome = 'complete'
    })
  })
  outgoing.end()
  await socket.hasRequest
  for (const part of parts) socket.push(part)
  await turn()
  reading.isPersistent =
    Object.values(agent.freeSockets).flat().length === 1 && reading.outcome === 'complete'
  socket.push(null)
  await turn()
  socket.destroy()
  agent.destroy()
  return reading
}

/** The connection ended, or Node closed it, within the response; all other errors are those of the parser. */
function isTruncation(error: NodeJS.ErrnoException): boolean {
  return error.code === 'ECONNRESET'
}

/** Two turns of the event loop, within which all that was pushed is read. */
async function turn(): Promise<void> {
  await new Promise(setImmediate)
  await new Promise(setImmediate)
}

/** A connection whose other end is a test. */
class ScriptedSocket extends Duplex {
  readonly hasRequest: Promise<void>
  readonly #onRequest: () => void

  constructor() {
    super()
    const { promise, resolve } = Promise.withResolvers<void>()
    this.hasRequest = promise
    this.#onRequest = resolve
  }

  override _read(): void {}

  override _write(_chunk: Buffer, _encoding: string, done: () => void): void {
    this.#onRequest()
    done()
  }

  // What the agent requires of a socket.
  setKeepAlive(): this {
    return this
  }
  setNoDelay(): this {
    return this
  }
  setTimeout(): this {
    return this
  }
  ref(): this {
    return this
  }
  unref(): this {
    return this
  }
}
