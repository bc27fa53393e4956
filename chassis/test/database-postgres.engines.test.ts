import { testDatabase } from './database-contract.ts'
import { engineUrl, freshDatabaseOn } from './storage.ts'

const server = engineUrl('postgres')
if (server !== undefined) testDatabase('postgres', () => freshDatabaseOn(server))
