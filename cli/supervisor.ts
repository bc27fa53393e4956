import type { Clock } from '@quintet/chassis/clock'
import { createKeyedMutex } from '@quintet/chassis/concurrency'
import { AppError } from '@quintet/chassis/errors'
import { listen } from '@quintet/chassis/http'
import type { Address, App } from '@quintet/chassis/http'
import type { ServiceControl } from '@quintet/console/parts'
import type { ServiceName } from '@quintet/contracts/topology'

/** A service of this process, which can be stopped and started again on its port. */
export type SupervisedService = Pick<App, 'observed' | 'beginClosing'> & {
  /** Undefined while it is stopped. */
  app(): App | undefined
  readonly name: ServiceName
  readonly control: ServiceControl
  /** Where it listens, or has listened last. */
  url(): string
  /** Stops it for good. */
  close(): Promise<void>
}

type State = ReturnType<ServiceControl['state']>

export function createSupervised({
  name,
  create,
  address,
  isShared,
  clock,
}: {
  name: ServiceName
  create: () => Promise<App>
  address: Address
  isShared: boolean
  clock: Clock
}): SupervisedService {
  const inTurn = createKeyedMutex()
  let app: App | undefined
  let isEnded = false
  let url = ''
  // From the first start on with the actual port, where the setting is any free one.
  let place = address
  let current: { readonly state: State; readonly since: number } = { state: 'stopped', since: clock.now() }
  const become = (state: State) => {
    current = { state, since: clock.now() }
  }

  async function start(): Promise<void> {
    if (app !== undefined) return
    if (isEnded) throw new AppError('overloaded', 'The process ends.')
    become('starting')
    try {
      const created = await create()
      try {
        url = await listen(created, place, { isShared })
      } catch (error) {
        await created.close()
        throw error
      }
      place = { host: place.host, port: portOf(created) }
      app = created
      become('up')
    } catch (error) {
      become('stopped')
      throw error
    }
  }

  /** It goes on with the requests that have arrived, and closes when their responses have been sent. */
  async function stop(): Promise<void> {
    if (app === undefined) return
    become('closing')
    try {
      await app.close()
    } finally {
      app = undefined
      become('stopped')
    }
  }

  return {
    name,
    app: () => app,
    url: () => url,
    control: {
      state: () => current.state,
      since: () => current.since,
      start: () => inTurn(name, start),
      stop: () => inTurn(name, stop),
    },
    observed: observedOf(name, () => app),
    beginClosing() {
      isEnded = true
      app?.beginClosing()
    },
    async close() {
      isEnded = true
      await inTurn(name, stop)
    },
  }
}

function portOf({ server }: App): number {
  const bound = server.address()
  if (bound === null || typeof bound === 'string') throw new TypeError('The server has no port.')
  return bound.port
}

/** What operators see of the app that runs now. */
function observedOf(name: ServiceName, current: () => App | undefined): App['observed'] {
  const stopped = { status: 'not ready' as const }
  return {
    name,
    promises: {
      states: () => current()?.observed.promises.states() ?? [],
      check: (id) => current()?.observed.promises.check(id),
      stop: async () => current()?.observed.promises.stop(),
    },
    metrics: { text: async () => (await current()?.observed.metrics.text()) ?? '' },
    readiness: async () => current()?.observed.readiness() ?? stopped,
    health: async () => current()?.observed.health() ?? stopped,
    get isElsewhere() {
      return current()?.observed.isElsewhere ?? false
    },
  }
}
