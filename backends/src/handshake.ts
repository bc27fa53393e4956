import { connect } from 'node:net'

const answersWithinMs = 3000
const answerBytesMax = 65_536

/** What a client and a server say first; `standardPort` is where the server listens when its URL does not say. */
export type Exchange = {
  readonly standardPort: number
  readonly hello: Buffer
  complete(answer: Buffer): boolean
}

/** Connects, says hello, and gives the answer when it is complete; rejects with the reason when there is none. */
export function exchange(url: URL, { standardPort, hello, complete }: Exchange): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const host = url.hostname.replace(/^\[|\]$/g, '')
    const socket = connect({ host, port: Number(url.port) || standardPort })
    let answer = Buffer.alloc(0)
    const fail = (reason: string) => {
      socket.destroy()
      reject(new Error(`${url.host} ${reason}`))
    }
    socket.setTimeout(answersWithinMs, () => fail('does not answer'))
    socket.on('error', (error: NodeJS.ErrnoException) =>
      fail(`is not reached (${error.code ?? error.message})`),
    )
    socket.on('close', () => fail('ends the connection'))
    socket.on('connect', () => socket.write(hello))
    socket.on('data', (chunk: Buffer) => {
      answer = Buffer.concat([answer, chunk])
      if (answer.length > answerBytesMax) return fail('answers something else')
      if (!complete(answer)) return
      socket.destroy()
      resolve(answer)
    })
  })
}

/** The number as network protocols write it: four bytes, the highest first. */
export function numberBytes(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}
