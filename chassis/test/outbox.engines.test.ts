import { testOutbox } from './outbox-contract.ts'
import { engineUrl, freshDatabaseOn } from './testing.ts'

for (const name of ['postgres', 'mysql'] as const) {
  const server = engineUrl(name)
  if (server !== undefined) testOutbox(name, () => freshDatabaseOn(server))
}
