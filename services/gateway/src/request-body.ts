import type { IncomingMessage } from 'node:http'

/**
 * Reads a body of up to `bytesMax` bytes, and gives it as latin1 text; or gives undefined as soon as it is larger: then nothing of
 * it is lost, and it must be resumed. Gives nothing when the client goes.
 */
export function readSmallBody(
  incoming: IncomingMessage,
  bytesMax: number,
  done: (text: string | undefined) => void,
): void {
  if (Number(incoming.headers['content-length'] ?? 0) > bytesMax) {
    done(undefined)
    return
  }
  const chunks: Buffer[] = []
  let bytes = 0
  incoming.on('data', onData)
  incoming.on('end', onEnd)

  function onData(chunk: Buffer): void {
    chunks.push(chunk)
    bytes += chunk.length
    if (bytes <= bytesMax) return
    stop()
    incoming.pause()
    incoming.unshift(Buffer.concat(chunks))
    done(undefined)
  }

  function onEnd(): void {
    stop()
    done(Buffer.concat(chunks).toString('latin1'))
  }

  function stop(): void {
    incoming.off('data', onData)
    incoming.off('end', onEnd)
  }
}
