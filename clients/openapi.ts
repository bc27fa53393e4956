import type { Settings } from '@quintet/chassis/config'
import type { App } from '@quintet/chassis/http'
import { createLogger } from '@quintet/chassis/telemetry'
import { serviceNames, topology, upstreamNames } from '@quintet/contracts/topology'
import type { ServiceEntry, ServiceName } from '@quintet/contracts/topology'
import { mergeDocuments, services } from '../topology.ts'

type Operation = { readonly operationId?: string; readonly responses: Record<string, unknown> }
type ApiDocument = {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly [member: string]: unknown
}

/** The OpenAPI document of each service and of the gateway, on storage in memory and without a port. */
export async function readDocuments(): Promise<Map<string, ApiDocument>> {
  const documents = new Map<string, ApiDocument>()
  for (const name of serviceNames) {
    const app = await openInMemory(name)
    documents.set(name, await documentOf(app))
    await app.close()
  }
  return documents
}

/** A service on storage in memory and without a port, with more settings than that needs. */
export async function openInMemory(name: ServiceName, more: Settings = new Map()): Promise<App> {
  const app = await services[name].createApp(new Map([...settings, ...more]), {
    logger,
    checkResponses: true,
  })
  await app.ready()
  return app
}

/** The documents as each service publishes them: that of the gateway has all that it forwards. */
export async function publishedDocuments(): Promise<Map<string, object>> {
  const documents = await readDocuments()
  return new Map<string, object>([...documents, ['gateway', mergedDocument(documents)]])
}

/** The document of the whole system, as the gateway returns it when all services are up. */
function mergedDocument(documents: ReadonlyMap<string, ApiDocument>): object {
  const parts = upstreamNames.flatMap((name) => {
    const document = documents.get(name)
    return document === undefined ? [] : [{ service: { name, ...topology[name] }, document }]
  })
  return mergeDocuments({ ...documents.get('gateway') }, parts)
}

const logger = createLogger({ service: 'clients', level: 'silent' })

const inMemory = serviceNames.flatMap((name) => {
  const { storage }: ServiceEntry = topology[name]
  return [storage.database, storage.queue].filter((setting) => setting !== undefined)
})
const settings = new Map(
  [
    ...inMemory.map((setting) => [setting, 'sqlite::memory:'] as const),
    ['CERTIFICATES_KEY', '0'.repeat(64)] as const,
  ].map(([name, value]) => [name, { value, source: 'environment' as const }]),
)

/** The document of the app alone; over HTTP the gateway would also fetch those of the services. */
export async function documentOf(app: App): Promise<ApiDocument> {
  const { paths = {}, ...rest }: { paths?: object } = await app.describe()
  return { ...rest, paths: JSON.parse(JSON.stringify(paths)) }
}
