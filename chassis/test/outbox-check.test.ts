import { testOutboxCheck } from './outbox-check-contract.ts'
import { createFileUrl } from './testing.ts'

testOutboxCheck('sqlite', createFileUrl)
