import { startPrivateEngine } from '@quintet/backends'
import type { StorageName, PrivateEngine } from '@quintet/backends'
import { fault } from './fault.ts'
import type { Fault } from './fault.ts'
import { openTcpProxy } from '@quintet/chassis/testing/proxy'
import type { TcpProxy } from '@quintet/chassis/testing/proxy'

/** An engine of its own behind a proxy. */
export type FaultyEngine = {
  /** Through the proxy. */
  readonly url: string
  readonly engine: PrivateEngine
  readonly proxy: TcpProxy
  close(): Promise<void>
}

export async function startFaultyEngine(name: StorageName): Promise<FaultyEngine> {
  const proxy = await openTcpProxy()
  const engine = await startPrivateEngine(name, { advertisedPort: proxy.port })
  proxy.forwardTo(engine.url)
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

/** The faults of an engine and of the network before it. */
export function faultsOf({ engine, proxy }: FaultyEngine): readonly Fault[] {
  return [
    fault('kill', engine.kill, engine.restart),
    fault('stop', engine.pause, engine.resume),
    fault('refuse', proxy.refuse, proxy.pass),
    fault('swallow', proxy.swallow, proxy.pass),
  ]
}

/** The URL of a database on the server of an engine. */
export function withDatabase(url: string, database: string): string {
  return Object.assign(new URL(url), { pathname: `/${database}` }).href
}
