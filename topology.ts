import { loadConfig, tlsFilesOf, validValues } from '@quintet/chassis/config'
import type { Settings } from '@quintet/chassis/config'
import type { MigrationAction } from '@quintet/chassis/database'
import type { Diagnose, Finding } from '@quintet/chassis/diagnosis'
import type { App } from '@quintet/chassis/http'
import type { Logger, Metrics, Telemetry } from '@quintet/chassis/telemetry'
import type { TlsFiles } from '@quintet/chassis/tls'
import { billingQueue, guidEventsStream, orderIdKeyFile } from '@quintet/contracts'
import type { ServiceName } from '@quintet/contracts/topology'
import type { Static, TObject } from 'typebox'
import { createBillingApp } from './services/billing/src/app.ts'
import { billingSettings } from './services/billing/src/config.ts'
import { createBrokerageApp } from './services/brokerage/src/app.ts'
import { brokerageSettings } from './services/brokerage/src/config.ts'
import {
  diagnoserOf as brokerageDiagnoserOf,
  migrateStorage as migrateBrokerage,
} from './services/brokerage/src/storage.ts'
import { createCertificatesApp } from './services/certificates/src/app.ts'
import { certificatesSettings } from './services/certificates/src/config.ts'
import { examineData } from './services/certificates/src/diagnosis.ts'
import { examineKeys } from './services/certificates/src/key-check.ts'
import { generatedKeyFile } from './services/certificates/src/keyring.ts'
import { notificationsQueue } from './services/certificates/src/notification-store.ts'
import { rewrapCertificates } from './services/certificates/src/rewrap.ts'
import { createGatewayApp } from './services/gateway/src/app.ts'
import { gatewaySettings } from './services/gateway/src/config.ts'
import { gatewayTlsSides, upstreamFiles } from './services/gateway/src/tls-settings.ts'
import { createGuidApp } from './services/guid/src/app.ts'
import { guidSettings } from './services/guid/src/config.ts'
import { commandsQueue } from './services/guid/src/port.ts'
import { diagnoserOf as guidDiagnoserOf, migrateStorage as migrateGuid } from './services/guid/src/storage.ts'
import { createInventoryApp } from './services/inventory/src/app.ts'
import { inventorySettings } from './services/inventory/src/config.ts'

export { mergeDocuments } from './services/gateway/src/api-document.ts'

type Parts = {
  readonly logger?: Logger
  readonly metrics?: Metrics
  readonly telemetry?: Telemetry | undefined
  readonly checkResponses?: boolean
}

/** The code of a service, for everything outside it; its data is in contracts/src/topology.ts. */
export type Service = {
  readonly settings: TObject
  /** Opens everything that the service needs. Throws a ConfigError before that when a setting is bad. */
  createApp(settings: Settings, parts?: Parts): Promise<App>
  /** Where its database may be something other than SQL. */
  migrateStorage?(url: string, action: MigrationAction): Promise<string[]>
  /** Examines an engine that only this service can use; undefined for any other. */
  diagnoserOf?(url: string): Diagnose | undefined
  /** The queue that it consumes. */
  readonly queue?: string
  /** The stream of events that it appends to. */
  readonly stream?: string
  /**
   * The columns of its embedded database with versions that count from 1, by table. A restore raises them, so that no ETag is used
   * again for other content.
   */
  readonly versionColumns?: Readonly<Record<string, readonly string[]>>
  /** The file of a secret that it generates where the settings give it none. */
  keyFile?(settings: Settings): string | undefined
  /** The files of TLS that it alone has, for each listener and each kind of connections. */
  tlsSides?(settings: Settings): readonly TlsFiles[]
  /** What its database holds that an operator should know. */
  examineData?(url: string, settings: Settings): Promise<Finding[]>
}

/** The code behind each entry of the topology. The compiler demands one for each, and none besides. */
export const services = {
  guid: {
    ...service(guidSettings, createGuidApp),
    queue: commandsQueue,
    stream: guidEventsStream,
    migrateStorage: migrateGuid,
    diagnoserOf: guidDiagnoserOf,
  },
  brokerage: {
    ...service(brokerageSettings, createBrokerageApp),
    migrateStorage: migrateBrokerage,
    diagnoserOf: brokerageDiagnoserOf,
    versionColumns: { account: ['version'] },
  },
  certificates: {
    ...service(certificatesSettings, createCertificatesApp),
    queue: notificationsQueue,
    versionColumns: { user: ['version'], certificate: ['version'] },
    keyFile: (settings) => generatedKeyFile(loadConfig(certificatesSettings, settings)),
    examineData: async (url, settings) => [
      ...(await examineKeys(loadConfig(certificatesSettings, settings))),
      ...(await examineData(url)),
    ],
  },
  inventory: {
    ...service(inventorySettings, createInventoryApp),
    versionColumns: { movies: ['version', 'keyed_version'] },
  },
  billing: { ...service(billingSettings, createBillingApp), queue: billingQueue },
  gateway: {
    ...service(gatewaySettings, createGatewayApp),
    keyFile(settings) {
      const config = loadConfig(gatewaySettings, settings)
      return config.ORDER_ID_KEY === '' ? orderIdKeyFile(config) : undefined
    },
    tlsSides: (settings) => gatewayTlsSides(validValues(gatewaySettings, settings)),
  },
} satisfies { readonly [Name in ServiceName]: Service }

/** By what the gateway verifies services at `https:` addresses, and what it shows to them. */
export function upstreamTls(settings: Settings): TlsFiles {
  return tlsFilesOf(validValues(gatewaySettings, settings), upstreamFiles)
}

/** Moves all private keys of the certificates service to the current key-encryption key. */
export function rewrapPrivateKeys(settings: Settings) {
  return rewrapCertificates(loadConfig(certificatesSettings, settings))
}

function service<T extends TObject>(
  settings: T,
  create: (config: Readonly<Static<T>>, parts?: Parts) => Promise<App>,
): Service {
  return { settings, createApp: async (values, parts) => create(loadConfig(settings, values), parts) }
}
