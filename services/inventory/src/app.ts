import { closeWithApp, createApp, createIdempotency } from '@quintet/chassis/http'
import type { App } from '@quintet/chassis/http'
import { createSqlIdempotencyStore } from '@quintet/chassis/idempotency'
import { openStorage, partsOf } from '@quintet/chassis/resource'
import type { ServiceParts } from '@quintet/chassis/resource'
import { startSweeper } from '@quintet/chassis/sweeper'
import { documentationOfSystem, topology } from '@quintet/contracts/topology'
import type { InventoryConfig } from './config.ts'
import { createMovieStore } from './movie-store.ts'
import type { MovieTables } from './movie-tables.ts'
import { moviePromises } from './promises.ts'
import { movieRoutes } from './routes.ts'

const migrations = new URL('../migrations/', import.meta.url)
const detailAlias = 'message'

/** The inventory service, whole: everything that it opens is opened here and closed with it. */
export async function createInventoryApp(
  config: InventoryConfig,
  given: Partial<ServiceParts> = {},
): Promise<App> {
  await using opened = new AsyncDisposableStack()
  const parts = partsOf('inventory', config, given)
  const storage = await openStorage<MovieTables>(opened, {
    name: 'inventory',
    databaseUrl: config.INVENTORY_DATABASE_URL,
    cacheUrl: config.CACHE_URL,
    migrations,
    ...parts,
  })
  const store = createSqlIdempotencyStore(storage.database)
  const idempotency = createIdempotency({ store, clock: parts.clock, detailAlias })
  const movies = createMovieStore(storage)
  const app = await createApp({
    name: 'inventory',
    bodyBytesMax: topology.inventory.bodyBytesMax,
    scopes: topology.inventory.scopes,
    title: 'Movie inventory',
    description: 'Keeps movies.',
    detailAlias,
    dependencies: storage.dependencies,
    relatedPages: documentationOfSystem(config.GATEWAY_PORT),
    promises: moviePromises(movies),
    ...parts,
  })
  movieRoutes(app, { movies, idempotency })
  opened.defer(startSweeper([idempotency.sweep], parts.logger).stop)
  closeWithApp(app, opened)
  return app
}
