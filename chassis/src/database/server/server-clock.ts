/** How long a measured offset is used before it is measured again. */
const offsetTtlMs = 10_000

export type ServerClock<Client> = {
  /** How many milliseconds the server's clock is ahead of `performance.now()` in this process, or less. */
  offsetMs(client: Client): Promise<number>
}

/** `read` gets the server's time in milliseconds; `connectionOf` is an object that lives as long as the connection. */
export function createServerClock<Client>({
  read,
  connectionOf,
}: {
  read(client: Client): Promise<number>
  connectionOf(client: Client): object
}): ServerClock<Client> {
  const known = new WeakMap<object, { readonly measuredAt: number; readonly offsetMs: number }>()
  return {
    async offsetMs(client) {
      const last = known.get(connectionOf(client))
      if (last !== undefined && performance.now() - last.measuredAt < offsetTtlMs) return last.offsetMs
      const serverMs = await read(client)
      // The server read its clock before this process reads its own, so the true offset is at least the difference.
      const measuredAt = performance.now()
      const offsetMs = serverMs - measuredAt
      known.set(connectionOf(client), { measuredAt, offsetMs })
      return offsetMs
    },
  }
}
