import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Settings } from '@quintet/chassis/config'
import { databaseFile } from '@quintet/chassis/database'
import { quotaMigrations } from '@quintet/chassis/guard'
import { queueMigrations } from '@quintet/chassis/queue'
import { serviceNames, topology } from '@quintet/contracts/topology'
import type { ServiceEntry, ServiceName } from '@quintet/contracts/topology'
import { services } from '../../topology.ts'
import type { Service } from '../../topology.ts'
import { configOf, migrationsOf, storageOf } from '../services.ts'

/** A database file, and the settings that name it; several services may share one of queues. */
export type EmbeddedFile = {
  readonly path: string
  readonly settings: readonly string[]
  readonly services: readonly ServiceName[]
  /** The file has queues, which other services' databases refer to. */
  readonly isQueue: boolean
  readonly migrations: URL
}

type Place = { readonly service: ServiceName; readonly setting: string; readonly url: string }

/** The database files of these services, those of queues last. */
export function embeddedFiles(settings: Settings, names = serviceNames): EmbeddedFile[] {
  const places = durablePlaces(settings, names).flatMap((place) => {
    const path = databaseFile(place.url)
    return path === undefined ? [] : [{ ...place, path: resolve(path) }]
  })
  const files = [...Map.groupBy(places, ({ path }) => path)].map(([path, users]) => fileOf(path, users))
  return files.sort((one, other) => Number(one.isQueue) - Number(other.isQueue))
}

/** All that a backup may have: those of the services, and that of quotas, which is the gateway's where it counts alone. */
export function durableFiles(settings: Settings): EmbeddedFile[] {
  const { url } = quotaPlace(settings)
  const path = databaseFile(url)
  const ofServices = embeddedFiles(settings)
  if (path === undefined) return ofServices
  const quotas: EmbeddedFile = {
    path: resolve(path),
    settings: [quotaSetting],
    services: [quotaService],
    isQueue: false,
    migrations: quotaMigrations,
  }
  return [quotas, ...ofServices]
}

/** The same without the file of quotas that nobody counts or has counted. */
export function expectedFiles(settings: Settings): EmbeddedFile[] {
  const { isUsed } = quotaPlace(settings)
  return durableFiles(settings).filter(
    ({ path, settings: [setting] }) => isUsed || setting !== quotaSetting || existsSync(path),
  )
}

const quotaService = 'gateway'
const quotaSetting = 'RATE_LIMIT_QUOTA_URL'

function quotaPlace(settings: Settings) {
  const config = configOf(quotaService, settings)
  return { url: String(config[quotaSetting]), isUsed: config.RATE_LIMIT !== 'off' }
}

function fileOf(path: string, users: readonly Place[]): EmbeddedFile {
  const services = [...new Set(users.map(({ service }) => service))]
  const [first] = users
  const entry: ServiceEntry | undefined = first && topology[first.service]
  const isQueue = first === undefined || entry?.storage.database !== first.setting
  return {
    path,
    settings: [...new Set(users.map(({ setting }) => setting))],
    services,
    isQueue,
    migrations: isQueue ? queueMigrations : migrationsOf(first.service),
  }
}

/** Where services store what must outlive them, so not the cache. */
function durablePlaces(settings: Settings, names = serviceNames): Place[] {
  return names.flatMap((service) => {
    const { storage }: ServiceEntry = topology[service]
    const places = storageOf(service, settings).filter(({ setting }) => setting !== storage.cache)
    return places.map(({ setting, url }) => ({ service, setting, url }))
  })
}

/** The files with secrets that services have generated, or would generate. */
export function generatedKeyFiles(settings: Settings): string[] {
  const all: readonly Service[] = Object.values(services)
  return all.flatMap((service) => service.keyFile?.(settings) ?? []).map((path) => resolve(path))
}

/** A sentence for each setting whose storage is not in files of SQLite, and so not in a backup. */
export function leftOut(settings: Settings): string[] {
  const { url, isUsed } = quotaPlace(settings)
  const quotas = isUsed ? [{ setting: quotaSetting, url }] : []
  const places = [...durablePlaces(settings), ...quotas]
  const others = places.filter(({ url }) => databaseFile(url) === undefined)
  const sentences = others.map(
    ({ setting, url }) =>
      `${setting} is not embedded, so it is not in the backup: ${tools[url.slice(0, url.indexOf(':'))] ?? 'use the tool of its engine'}.`,
  )
  return [...new Set(sentences)]
}

const tools: Readonly<Record<string, string>> = {
  sqlite: 'it lives in memory only',
  postgres: 'use pg_dump, or the snapshots of the provider',
  postgresql: 'use pg_dump, or the snapshots of the provider',
  mysql: 'use mysqldump --single-transaction, or the snapshots of the provider',
  mariadb: 'use mariadb-dump --single-transaction, or the snapshots of the provider',
  mongodb: 'use mongodump --oplog, or the snapshots of the provider',
  'mongodb+srv': 'use mongodump --oplog, or the snapshots of the provider',
  dynamodb: 'use point-in-time recovery, or on-demand backups',
  amqp: 'messages stay on the nodes of RabbitMQ; let them drain before a move',
  amqps: 'messages stay on the nodes of RabbitMQ; let them drain before a move',
  kafka: 'messages stay on the brokers; mirror the topics',
  kafkas: 'messages stay on the brokers; mirror the topics',
}
