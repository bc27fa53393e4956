import type { Row } from './rows.ts'
import type { Server, ServerOptions } from './servers.ts'
import { send } from './requests.ts'
import { startServer } from './servers.ts'

/** Starts the servers of a row, creates its data, and throws unless its first request succeeds. */
export async function startRow({ processes, workload }: Row, options: ServerOptions): Promise<Server> {
  const server = await startServer(processes, options)
  try {
    await workload.seed?.(server.url)
    const [first] = workload.requests
    if (first) await send(server.url, first)
    return server
  } catch (error) {
    await server.close()
    throw error
  }
}
