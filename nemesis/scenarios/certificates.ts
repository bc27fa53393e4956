import { createCertificatesLoad } from '../load/certificates-load.ts'
import { startReceiver } from '../load/receiver.ts'
import { assemble } from './assemble.ts'
import { startEmbedded } from './embedded.ts'
import type { Scenario } from './scenario.ts'

export const certificates: Scenario = {
  name: 'certificates',
  summary: 'two processes of certificates on one SQLite database, and a receiver of notifications',
  engines: [],
  start: (folder) =>
    assemble(async (closeLater) => {
      const receiver = closeLater(await startReceiver())
      const list = '/users/1/certificates'
      const options = { closeLater, folder, list }
      const system = await startEmbedded('certificates', receiver.environment, options)
      return {
        ...system,
        targets: [...system.targets, receiver.faults],
        loads: { certificates: (parts) => createCertificatesLoad(parts, receiver) },
      }
    }),
}
