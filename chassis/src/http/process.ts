import closeWithGrace from 'close-with-grace'
import type { Logger } from '../telemetry/index.ts'
import type { App } from './app.ts'

const shutdownTimeoutMs = 10_000

/** Listens and gives the address, with the real port where any free one was asked for. */
export async function listen(app: App, { host, port }: { host: string; port: number }): Promise<string> {
  await app.listen({ host, port })
  const bound = app.server.address()
  if (bound === null || typeof bound === 'string') throw new Error('The server has no port.')
  return `http://${bound.family === 'IPv6' ? `[${bound.address}]` : bound.address}:${bound.port}`
}

/**
 * On SIGTERM, SIGINT or a fault that nobody caught: closes, which means no new requests, the ones in flight finished, then
 * everything that was opened closed in order; after 10 s the process ends all the same.
 */
export function closeOnSignal(close: () => Promise<void>, logger: Logger): void {
  closeWithGrace({ delay: shutdownTimeoutMs, logger: false }, async ({ err }) => {
    if (err !== undefined) logger.fatal({ err }, 'a fault that nobody caught ends the process')
    await close()
    logger.flush()
  })
}
