import { describeConfig, faultsOf, listOf, loadConfig, tlsOf, validValues } from '@quintet/chassis/config'
import type { Settings } from '@quintet/chassis/config'
import { broken } from '@quintet/chassis/diagnosis'
import { dependencyDown } from '@quintet/chassis/errors'
import { addressOf, listen } from '@quintet/chassis/http'
import type { App } from '@quintet/chassis/http'
import { queueExists, unavailableAdmin } from '@quintet/chassis/queue'
import { readTlsFiles } from '@quintet/chassis/tls'
import { createLogger, createMetrics } from '@quintet/chassis/telemetry'
import type { Telemetry } from '@quintet/chassis/telemetry'
import { consoleSettings } from '@quintet/console/config'
import type { ConsoleConfig } from '@quintet/console/config'
import type { Broker, ObservedService } from '@quintet/console/parts'
import { sendTrusting } from '@quintet/console/send'
import type { Trust } from '@quintet/console/send'
import { serviceNames, topology, urlSetting } from '@quintet/contracts/topology'
import type { ServiceEntry, ServiceName } from '@quintet/contracts/topology'
import { services, upstreamTls } from '../topology.ts'
import type { Service } from '../topology.ts'
import { examineEngines } from './doctor.ts'
import { pendingMigrations } from './migrate.ts'
import { brokersOf, openBroker } from './queue.ts'
import type { BrokerPlace } from './queue.ts'
import { quintetVersion } from './quintet-version.ts'
import { storageOf } from './services.ts'
import type { SupervisedService } from './supervisor.ts'

type ConsoleParts = {
  /** The services of this process. */
  readonly running: readonly SupervisedService[]
  /** Where the metrics and the health of the services of this process are, if not on their own ports. */
  readonly operationsUrl: string | undefined
  /** Keeps lines of the log; undefined where nothing does. */
  readonly keep: Telemetry['line'] | undefined
}

/** Starts the console in this process, and gives the line that it prints. */
export async function startConsole(
  settings: Settings,
  parts: ConsoleParts,
): Promise<{ readonly app: App; readonly line: string }> {
  const config = loadConfig(consoleSettings, settings)
  const address = addressOf('console', config)
  if (address === undefined) throw new TypeError('The console has no address.')
  // Loaded only here, since most commands need none of it.
  const { createConsoleApp } = await import('@quintet/console')
  const brokers = createBrokers(settings)
  const app = await createConsoleApp(config, {
    logger: createLogger({ service: 'console', level: config.LOG_LEVEL, keep: parts.keep }),
    // Those of the process are a service's, where there is one.
    metrics: createMetrics({ isOfProcess: parts.running.length === 0 }),
    version: quintetVersion(),
    services: serviceNames.map((name) => observe(name, settings, { config, ...parts })),
    brokers: brokers.all,
  })
  app.addHook('onClose', brokers.close)
  try {
    const url = await listen(app, address)
    return { app, line: lineOf(url, config.CONSOLE_TOKEN) }
  } catch (error) {
    await app.close()
    throw error
  }
}

/** The token is in the fragment, which browsers send to no server; and only on a terminal, since a secret is not for logs. */
function lineOf(url: string, token: string): string {
  const fragment = token !== '' && process.stderr.isTTY ? `/#token=${encodeURIComponent(token)}` : ''
  return `${'console'.padEnd(12)} ${url}${fragment}\n`
}

/** A service as the console sees it: of this process, or elsewhere by its URL. */
function observe(
  name: ServiceName,
  settings: Settings,
  { running, operationsUrl, config }: ConsoleParts & { readonly config: ConsoleConfig },
): ObservedService {
  const here = running.find((service) => service.name === name)
  const [elsewhere = ''] = listOf(config[urlSetting(name)])
  const url = () => (here === undefined ? elsewhere.replace(/\/$/, '') : reachable(here.url()))
  const operations = () => (here === undefined ? operationsOf(url(), config.OPERATIONS_PORT) : operationsUrl)
  const schema = services[name].settings
  const { storage }: ServiceEntry = topology[name]
  return {
    name,
    title: topology[name].title,
    url,
    send: sendTrusting(() => trustOf(name, settings)),
    metricsUrl: () => (operations() === undefined ? `${url()}/metrics` : `${operations()}/metrics/${name}`),
    readinessUrl: () =>
      operations() === undefined ? `${url()}/health/ready` : `${operations()}/health/${name}`,
    readiness: here && (() => here.observed.readiness()),
    promises: here && (() => here.observed.promises),
    metricsText: here && operationsUrl === undefined ? () => here.observed.metrics.text() : undefined,
    settings: () =>
      describeConfig(schema, settings).map(({ name, value, source, description }) => ({
        ...{ name, value, source, description },
      })),
    storage: () => storageOf(name, settings).map(({ setting, shown }) => ({ setting, shown })),
    async migrationsPending() {
      const database = storageOf(name, settings).find(({ setting }) => setting === storage.database)
      return database === undefined ? [] : pendingMigrations(name, database.url)
    },
    async examine() {
      const faults = faultsOf(schema, settings)
      if (faults.length > 0) return faults.map(broken)
      return (await examineEngines([name], settings)).flatMap(({ findings }) => findings)
    },
    control: here?.control,
  }
}

/** A service is verified as the gateway verifies it, or by the certificate that the settings have for it. */
function trustOf(name: ServiceName, settings: Settings): Trust {
  const { ca, cert, key } = readTlsFiles(upstreamTls(settings), Date.now())
  const values = validValues(services[name].settings, settings)
  return { ca, cert, key, own: certificateOf(values, name === 'gateway' ? 'GATEWAY_' : '') }
}

/** The certificate of a listener, whose settings begin with `prefix`. */
export function certificateOf(values: object, prefix: string): string | undefined {
  const tls = tlsOf(values, prefix)
  return tls && readTlsFiles({ ...tls.files, key: undefined, authorities: undefined }, Date.now()).cert
}

/** The port for operations of a service elsewhere is on the same machine as the service, and has no TLS. */
function operationsOf(url: string, port: number | ''): string | undefined {
  if (port === '' || port === 0 || !URL.canParse(url)) return undefined
  return `http://${new URL(url).hostname}:${port}`
}

/** Where this machine reaches what listens on all of its addresses: on one that a certificate can be for. */
export function reachable(address: string): string {
  return address.replace('//0.0.0.0:', '//127.0.0.1:').replace('//[::]:', '//[::1]:')
}

type OpenBroker = { readonly exists: boolean; readonly broker: Promise<Broker> }

/** The brokers that the settings name, each opened once; a file that does not exist yet is looked for again. */
function createBrokers(settings: Settings) {
  const places = brokersOf(settings)
  const unknown = unknownBrokers(settings)
  const opened = new Map<string, OpenBroker>()

  async function open(place: BrokerPlace): Promise<Broker> {
    const { url, shown, queues } = place
    return { kind: url.slice(0, url.indexOf(':')), url: shown, queues, admin: await openBroker(place) }
  }

  async function one(place: BrokerPlace): Promise<Broker> {
    const { url } = place
    const exists = queueExists(url)
    const known = opened.get(url)
    if (known !== undefined && known.exists === exists) return known.broker
    const broker = open(place)
    opened.set(url, { exists, broker })
    await known?.broker.then(({ admin }) => admin.close())
    return broker
  }

  return {
    all: async () => [...(await Promise.all(places.map(one))), ...unknown],
    async close() {
      for (const { broker } of opened.values()) await (await broker).admin.close()
    },
  }
}

/** In the place of the brokers whose setting is invalid: every call for a queue there is refused with what is wrong. */
function unknownBrokers(settings: Settings): Broker[] {
  return serviceNames.flatMap((service) => {
    const { queue: name, settings: schema }: Service = services[service]
    const { storage }: ServiceEntry = topology[service]
    if (name === undefined || storageOf(service, settings).some(({ setting }) => setting === storage.queue))
      return []
    const faults = faultsOf(schema, settings)
    const admin = unavailableAdmin(
      dependencyDown(`The settings of ${service} are invalid: ${faults.join(' ')}`),
    )
    return [{ kind: 'unknown', url: '', queues: [{ name, service }], admin }]
  })
}
