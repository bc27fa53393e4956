import { startPrivateEngine } from '@quintet/backends'
import type { EngineName, PrivateEngine } from '@quintet/backends'
import { openTcpProxy } from './tcp-proxy.ts'
import type { TcpProxy } from './tcp-proxy.ts'

/** An engine of its own behind a proxy. */
export type FaultyEngine = {
  /** Through the proxy. */
  readonly url: string
  readonly engine: PrivateEngine
  readonly proxy: TcpProxy
  close(): Promise<void>
}

export async function startFaultyEngine(name: EngineName): Promise<FaultyEngine> {
  const proxy = await openTcpProxy()
  const engine = await startPrivateEngine(name, { advertisedPort: proxy.port })
  proxy.forwardTo(Number(new URL(engine.url).port))
  return {
    url: proxy.through(engine.url),
    engine,
    proxy,
    async close() {
      proxy.close()
      await engine.dispose()
    },
  }
}

/** What happens to something, and how it ends. `end` may take as long as a restart. */
type Fault = { begin(): Promise<void> | void; end(): Promise<void> | void }

export type Faults = Readonly<Record<string, Fault>>

/** The faults of an engine and of the network before it. */
export function faultsOf({ engine, proxy }: FaultyEngine): Faults {
  return {
    kill: { begin: engine.kill, end: engine.restart },
    stop: { begin: engine.pause, end: engine.resume },
    refuse: { begin: proxy.refuse, end: proxy.pass },
    swallow: { begin: proxy.swallow, end: proxy.pass },
  }
}
