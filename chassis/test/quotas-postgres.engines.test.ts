import { testQuotas } from './quotas-contract.ts'
import { engineUrl, freshDatabaseOn } from './testing.ts'

const url = engineUrl('postgres')
if (url !== undefined) testQuotas('postgres', () => freshDatabaseOn(url))
