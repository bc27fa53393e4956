import { systemClock } from '@quintet/chassis/clock'
import type { Clock } from '@quintet/chassis/clock'
import { createShared } from '@quintet/chassis/concurrency'
import { tlsOf } from '@quintet/chassis/config'
import { closeWithApp, createApp } from '@quintet/chassis/http'
import type { App } from '@quintet/chassis/http'
import type { Logger, Metrics } from '@quintet/chassis/telemetry'
import { createAct, addActions } from './actions.ts'
import { addAssets } from './assets.ts'
import type { ConsoleConfig } from './config.ts'
import { addData } from './data.ts'
import { addGuard } from './guard.ts'
import { createHistory } from './history.ts'
import { addMeasuring } from './measuring.ts'
import type { ConsoleParts, ObservedService } from './parts.ts'
import { addLive } from './live.ts'
import { addLogs } from './logs.ts'
import { addOtlp } from './otlp.ts'
import { addPromises } from './promises.ts'
import { createQueueLook } from './queue-look.ts'
import { addQueues } from './queues.ts'
import { openReader } from './reader.ts'
import { addTraces } from './traces.ts'
import { createHostCheck } from './request-checks.ts'
import { addServices } from './services.ts'
import { addSession } from './session.ts'
import { createStates } from './states.ts'

type ConsoleGiven = Pick<ConsoleParts, 'services' | 'brokers'> & {
  readonly logger: Logger
  readonly metrics: Metrics
  readonly clock?: Clock
  readonly version: string
}

/** The composition root of the console: it closes everything that it opens. */
export async function createConsoleApp(config: ConsoleConfig, given: ConsoleGiven): Promise<App> {
  await using opened = new AsyncDisposableStack()
  const { metrics, clock = systemClock, brokers, version } = given
  const services = given.services.map(withSharedLooks)
  const logger = withQuietAccess(given.logger)
  const app = await createApp({
    name: 'console',
    title: 'Console',
    description: 'What the system does, and what can be done about it.',
    logger,
    metrics,
    clock,
    hasOwnHome: true,
    refuse: createHostCheck(config),
    checkResponses: config.CHECK_RESPONSES === 'on',
    connections: { max: config.CONNECTIONS_MAX },
    bodyBytesMax: 1_048_576,
    tls: tlsOf({ TLS_CERT_FILE: config.TLS_CERT_FILE, TLS_KEY_FILE: config.TLS_KEY_FILE }, ''),
  })
  addIsolation(app)
  const reader = openReader(config.TELEMETRY_URL)
  opened.defer(reader.close)
  const history = createHistory(reader, logger)
  const guard = await addGuard(app, config, { clock, logger, metrics })
  const act = createAct(guard, { history, logger, clock })
  const parts: ConsoleParts = { logger, metrics, clock, services, brokers, history, reader, act }
  const states = createStates(services, parts)
  opened.defer(async () => states.stop())
  addAssets(app)
  const data = addData(app, parts)
  addSession(app, guard, {
    version,
    docsUrl: () => docsUrlOf(services),
    keeps: reader.keeps,
    collections: data.collections,
  })
  const lookAtQueues = createQueueLook(parts)
  const measuring = addMeasuring(app, { ...parts, stateOf: states.stateOf, lookAtQueues })
  opened.defer(async () => measuring.stop())
  const queues = addQueues(app, { ...parts, ratesOf: measuring.ofQueue, lookAtQueues })
  addTraces(app, { reader, version, countRequests: measuring.countRequests })
  addLogs(app, { reader })
  addLive(app, {
    ...parts,
    map: measuring.currentMap,
    queues: async () => (await queues.list()).data,
    isOfSomebody: () => !guard.isOpen,
  })
  addOtlp(app, { reader, clock })
  addPromises(app, parts)
  addServices(app, { ...parts, states, version, measuredOf: measuring.measuredOf })
  addActions(app, parts)
  closeWithApp(app, opened)
  return app
}

/** What opens connections of its own runs once for all who wait for it. */
function withSharedLooks(service: ObservedService): ObservedService {
  const { examine, migrationsPending } = service
  return {
    ...service,
    examine: createShared(examine),
    migrationsPending: createShared(migrationsPending),
  }
}

/** No page of another origin gets hold of the page or of a response (HTML Standard, 7.1.3; Fetch Standard, 3.7). */
function addIsolation(app: App): void {
  app.addHook('onSend', (_request, reply, payload, done) => {
    reply.header('cross-origin-opener-policy', 'same-origin')
    reply.header('cross-origin-resource-policy', 'same-origin')
    if (!reply.hasHeader('cache-control')) reply.header('cache-control', 'no-store')
    done(null, payload)
  })
}

/** A page that is open sends requests all the time, which would hide those of the services in the log. */
function withQuietAccess(logger: Logger): Logger {
  return Object.assign(Object.create(logger), { access: logger.probe })
}

function docsUrlOf(services: ConsoleParts['services']): string {
  const gateway = services.find(({ name }) => name === 'gateway')?.url() ?? ''
  return gateway === '' ? '' : `${gateway}/docs`
}
