import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import './kill-on-exit.ts' // Its handler comes first: what uses the databases is gone before they are dropped.
import type { Dropped } from './drop-databases.ts'

const databases = new Map<string, Dropped>()

process.on('exit', () => {
  if (databases.size === 0) return
  // No promise settles any more in this process.
  spawnSync(process.execPath, [join(import.meta.dirname, 'drop-databases.ts')], {
    input: JSON.stringify([...databases.values()]),
    stdio: ['pipe', 'ignore', 'inherit'],
    timeout: 60_000,
  })
})

/** Drops a database of a server when this process exits, however that comes. */
export function dropOnExit(database: Dropped): void {
  databases.set(`${database.engine}/${database.name}`, database)
}
