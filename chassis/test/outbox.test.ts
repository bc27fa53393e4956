import { testOutbox } from './outbox-contract.ts'
import { createFileUrl } from './testing.ts'

testOutbox('sqlite', createFileUrl)
