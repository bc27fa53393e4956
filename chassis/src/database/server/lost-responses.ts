/** How a driver finds out whether a response that is late will ever come. */
export type LateResponses<Client> = {
  /**
   * Those of these clients on whose connections the server is idle, by its list of sessions, which is read over another connection;
   * rejects if none can be made.
   */
  findIdle(clients: readonly Client[]): Promise<readonly Client[]>
  /** Lets what is in flight on the connection of the client fail. */
  destroy(client: Client): void
}

/** Finds connections on which a response, or the request for it, was lost, as on a half-open one. */
type LostResponses<Client> = {
  /** The work of a client begins; the function that is returned must be called when it has ended. */
  watch(client: Client): () => void
  stop(): void
}

const checkIntervalMs = 250
/** Work that takes longer is slow, or its response is lost. */
const lateMs = 500
/** More than one, so that a check does not wait until the last one has timed out. */
const checksInFlightMax = 8

/**
 * A response that is late is not waited for until its timeout if the server is idle on that connection. `beginAttempt` is called
 * before each check, and the function that it returns after it: with the error, or with nothing if the server has responded.
 */
export function findLostResponses<Client>(
  driver: LateResponses<Client>,
  beginAttempt: () => (error?: unknown) => void,
): LostResponses<Client> {
  /** The work in progress, oldest first. */
  const works = new Map<object, { readonly client: Client; readonly since: number }>()
  let checksInFlight = 0
  const timer = setInterval(() => void check(), checkIntervalMs).unref()

  function lateWorks() {
    const before = performance.now() - lateMs
    return [...works].filter(([, { since }]) => since < before)
  }

  async function check(): Promise<void> {
    const [oldest] = works.values()
    if (oldest === undefined || performance.now() - oldest.since < lateMs) return
    if (checksInFlight >= checksInFlightMax) return
    checksInFlight += 1
    const end = beginAttempt()
    try {
      const late = lateWorks()
      const idle = new Set(await driver.findIdle(late.map(([, { client }]) => client)))
      end()
      for (const [work, { client }] of late) if (idle.has(client) && works.has(work)) driver.destroy(client)
    } catch (error) {
      end(error)
    } finally {
      checksInFlight -= 1
    }
  }

  return {
    watch(client) {
      const work = {}
      works.set(work, { client, since: performance.now() })
      return () => works.delete(work)
    },
    stop: () => clearInterval(timer),
  }
}
