import { openQueue } from '../queue/index.ts'
import { good } from './index.ts'
import type { Finding } from './index.ts'

/** A broker, which the adapter declares its queues or topics on as they must be: what is left to be seen is whether it answers. */
export async function diagnoseQueue(url: string): Promise<Finding[]> {
  const queue = await openQueue(url)
  try {
    await queue.ping()
    return [good('It answers, and takes the user and the password.')]
  } finally {
    await queue.close()
  }
}
