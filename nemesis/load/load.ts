import type { History } from '../history.ts'
import type { Random } from '../run/random.ts'
import type { RunClock } from '../run/run-clock.ts'
import type { HttpClient, Reply, Request } from './http-client.ts'

/** What the clients of a system do, and what came of it. */
export type Load = {
  /** One more operation of each client, which never rejects because of a response. */
  readonly clients: readonly (() => Promise<void>)[]
  /** The reads at the end, once the faults are over. Rejects if the system does not answer them. */
  settle(): Promise<void>
  history(): History
}

/** What a load is made of. */
export type LoadParts = {
  /** Where the system can be used; clients are distributed over them. */
  readonly addresses: readonly Address[]
  readonly random: Random
  readonly clock: RunClock
  readonly http: HttpClient
  /** Of a response that the documentation does not allow. */
  unexpected(request: Request, reply: Reply): void
}

export type Address = { readonly name: string; readonly url: string }

/** The address that a client uses, and what the history calls the client. */
export function clientAt({ addresses }: LoadParts, client: number): { url: string; name: string } {
  const { name, url } = addresses[client % addresses.length] ?? { name: '', url: '' }
  return { url, name: `client ${client + 1} at ${name}` }
}
