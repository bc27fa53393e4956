import type { ServiceName } from '@quintet/contracts/topology'
import type { Environment } from '../faults/service-process.ts'
import { sqliteFaults } from '../faults/sqlite-faults.ts'
import { named } from './named.ts'
import { startReplicas, systemOf } from './replicas.ts'
import type { ReplicaOptions } from './replicas.ts'

/** Two processes of a service on one SQLite database. */
export async function startEmbedded(
  service: ServiceName,
  environment: Environment,
  options: Omit<ReplicaOptions, 'count'>,
): Promise<ReturnType<typeof systemOf>> {
  const database = options.closeLater(sqliteFaults(options.folder, `${service}.db`))
  const settings = { ...environment, DATA_DIR: database.folder }
  const replicas = await startReplicas(service, settings, { ...options, count: 2 })
  return systemOf(replicas, [database.faults.map((one) => named('sqlite', one))])
}
