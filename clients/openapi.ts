import { loadConfig } from '@quintet/chassis/config'
import type { App } from '@quintet/chassis/http'
import { createLogger } from '@quintet/chassis/telemetry'
import { createBillingApp } from '../services/billing/src/app.ts'
import { billingSettings } from '../services/billing/src/config.ts'
import { createBrokerageApp } from '../services/brokerage/src/app.ts'
import { brokerageSettings } from '../services/brokerage/src/config.ts'
import { createCertificatesApp } from '../services/certificates/src/app.ts'
import { certificatesSettings } from '../services/certificates/src/config.ts'
import { mergeDocuments } from '../services/gateway/src/api-document.ts'
import { createGatewayApp } from '../services/gateway/src/app.ts'
import { gatewaySettings } from '../services/gateway/src/config.ts'
import { topology } from '../services/gateway/src/topology.ts'
import { createGuidApp } from '../services/guid/src/app.ts'
import { guidSettings } from '../services/guid/src/config.ts'
import { createInventoryApp } from '../services/inventory/src/app.ts'
import { inventorySettings } from '../services/inventory/src/config.ts'

export type Operation = { readonly operationId?: string; readonly responses: Record<string, unknown> }
export type ApiDocument = {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly [member: string]: unknown
}

/** What each service and the gateway say of their own operations, read from them without a port, on storage of no one. */
export async function readDocuments(): Promise<Map<string, ApiDocument>> {
  const documents = new Map<string, ApiDocument>()
  for (const [name, create] of Object.entries(apps)) {
    const app = await create()
    await app.ready()
    documents.set(name, documentOf(app))
    await app.close()
  }
  return documents
}

/** The document of the whole system, as the gateway gives it when all services are up. */
export function mergedDocument(documents: ReadonlyMap<string, ApiDocument>): object {
  const parts = topology.flatMap((service) => {
    const document = documents.get(service.name)
    return document === undefined ? [] : [{ service, document }]
  })
  return mergeDocuments({ ...documents.get('gateway') }, parts)
}

const apps: Readonly<Record<string, () => Promise<App>>> = {
  guid: () => createGuidApp(loadConfig(guidSettings, settings), quiet),
  brokerage: () => createBrokerageApp(loadConfig(brokerageSettings, settings), quiet),
  certificates: () => createCertificatesApp(loadConfig(certificatesSettings, settings), quiet),
  inventory: () => createInventoryApp(loadConfig(inventorySettings, settings), quiet),
  billing: () => createBillingApp(loadConfig(billingSettings, settings), quiet),
  gateway: () => createGatewayApp(loadConfig(gatewaySettings, settings), quiet),
}

const quiet = { logger: createLogger({ service: 'clients', level: 'silent' }) }

const settings = new Map(
  Object.entries({
    GUID_DATABASE_URL: 'sqlite::memory:',
    EVENTS_URL: 'sqlite::memory:',
    BROKERAGE_DATABASE_URL: 'sqlite::memory:',
    CERTIFICATES_DATABASE_URL: 'sqlite::memory:',
    CERTIFICATES_QUEUE_URL: 'sqlite::memory:',
    CERTIFICATES_KEY: '0'.repeat(64),
    INVENTORY_DATABASE_URL: 'sqlite::memory:',
    BILLING_DATABASE_URL: 'sqlite::memory:',
    QUEUE_URL: 'sqlite::memory:',
  }).map(([name, value]) => [name, { value, source: 'environment' as const }]),
)

/** The document of the app alone: over HTTP the gateway would ask the others for theirs. */
function documentOf(app: App): ApiDocument {
  const { paths = {}, ...rest } = app.swagger()
  return { ...rest, paths: JSON.parse(JSON.stringify(paths)) }
}
