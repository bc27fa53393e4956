import { rmSync } from 'node:fs'
import './kill-on-exit.ts' // Its handler comes first: nothing writes to the folder any more.

/** Removes a folder when this process exits. */
export function removeOnExit(path: string): void {
  process.on('exit', () => rmSync(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 }))
}
