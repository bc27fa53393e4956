import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { WriterData } from './writer.ts'

/** Threads whose database is closed. Starting a thread takes longer than all else that opening a database takes. */
const idle: Worker[] = []
const idleMax = 4

/** A thread that has opened the database; rejects with the error of SQLite where it cannot be opened. */
export async function openWriter(data: WriterData): Promise<Worker> {
  const worker = idle.pop() ?? startThread()
  worker.ref()
  worker.postMessage(data)
  await once(worker, 'message')
  return worker
}

/** Closes the database of the thread, which then waits for another without keeping the process alive. */
export async function closeWriter(worker: Worker): Promise<void> {
  worker.removeAllListeners('message').removeAllListeners('error')
  worker.postMessage(null)
  await once(worker, 'message')
  if (idle.length < idleMax) {
    worker.unref()
    idle.push(worker)
  } else await worker.terminate()
}

function startThread(): Worker {
  return new Worker(new URL('./writer.ts', import.meta.url), {
    // The thread holds one batch at a time and little else; a small nursery keeps its heap from growing.
    resourceLimits: { maxYoungGenerationSizeMb: 4 },
  })
}
