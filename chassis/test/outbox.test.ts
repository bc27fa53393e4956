import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { testOutbox } from './outbox-contract.ts'

testOutbox('sqlite', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'quintet-outbox-'))
  t.after(() => rmSync(folder, { recursive: true }))
  return `sqlite:${join(folder, 'service.db')}`
})
