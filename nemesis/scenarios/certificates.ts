import { sqliteFaults } from '../faults/sqlite-faults.ts'
import { createCertificatesLoad } from '../load/certificates-load.ts'
import { startReceiver } from '../load/receiver.ts'
import { assemble } from './assemble.ts'
import { named } from './named.ts'
import { startReplicas } from './replicas.ts'
import type { Scenario } from './scenario.ts'

export const certificates: Scenario = {
  name: 'certificates',
  summary: 'two processes of certificates on one SQLite database, and a receiver of notifications',
  engines: [],
  start: (folder) =>
    assemble(async (closeLater) => {
      const receiver = closeLater(await startReceiver())
      const database = closeLater(sqliteFaults(folder, 'certificates.db'))
      const settings = { ...receiver.environment, DATA_DIR: database.folder }
      const list = '/users/1/certificates'
      const replicas = await startReplicas('certificates', settings, {
        folder,
        list,
        count: 2,
        consumes: true,
      })
      for (const replica of replicas) closeLater(replica)
      return {
        targets: [
          ...replicas.map(({ faults }) => faults),
          database.faults.map((one) => named('sqlite', one)),
          receiver.faults,
        ],
        loads: { certificates: (parts) => createCertificatesLoad(parts, receiver) },
        addresses: replicas.map(({ address }) => address),
        processes: replicas.map(({ process }) => process),
      }
    }),
}
