import { DatabaseSync } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'
import type { WriterData } from './writer.ts'

/**
 * Copies what is committed from the log to the database while the writer goes on, so that the checkpoint that the writer makes when
 * the log is long finds little left. A database with random keys has hardly two changes on one page, and copying them
 * all at once would stop all writes for the time that the disk needs for thousands of pages.
 */

/** Fewer commits cost the writer little, and their pages may change again. */
const unitsMin = 1_500
const checkEveryMs = 100

const { path, units }: Pick<WriterData, 'path' | 'units'> = workerData
// Without a timeout: where the writer or another process makes a checkpoint, there is nothing to do here.
const db = new DatabaseSync(path, { timeout: 0 })
db.exec('pragma synchronous = full; pragma wal_autocheckpoint = 0')
const checkpoint = db.prepare('pragma wal_checkpoint(passive)')
let copied = 0

const timer = setInterval(() => {
  const committed = Atomics.load(units, 0)
  // The counter wraps around.
  if (((committed - copied) | 0) < unitsMin) return
  copied = committed
  try {
    checkpoint.get()
  } catch {
    // The disk is full or fails, or the file is locked: the writer reports what that means for writes.
  }
}, checkEveryMs)

parentPort?.once('message', () => {
  clearInterval(timer)
  db.close()
})
