import { testOutboxCheck } from './outbox-check-contract.ts'
import { engineUrl, freshDatabaseOn } from './testing.ts'

for (const name of ['postgres', 'mysql'] as const) {
  const server = engineUrl(name)
  if (server !== undefined) testOutboxCheck(name, () => freshDatabaseOn(server))
}
