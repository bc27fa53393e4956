import { setImmediate as nextTurn } from 'node:timers/promises'
import { TimeoutError, withTimeout } from '../clock/index.ts'

const pingIntervalMs = 250
/** Past this, what is connected does not respond any more; a half-open connection still accepts what is sent. */
const pingTimeoutMs = 750

/**
 * Pings a server over a connection until it does not respond in time; then calls `onSilent`, once. Returns a function that stops
 * it. A ping that rejects counts as a response: either there was one, or the connection is known to be closed.
 */
export function watchLiveness({
  ping,
  isExempt = () => false,
  onSilent,
}: {
  ping(): Promise<unknown>
  /** Whether no response may be expected now. */
  isExempt?: () => boolean
  onSilent(): void
}): () => void {
  let timer: NodeJS.Timeout | undefined
  let isStopped = false

  async function check(): Promise<void> {
    const isSilent = await isUnanswered(ping())
    if (isStopped) return
    if (isSilent && !isExempt()) onSilent()
    else timer = setTimeout(() => void check(), pingIntervalMs).unref()
  }

  void check()
  return () => {
    isStopped = true
    clearTimeout(timer)
  }
}

async function isUnanswered(response: Promise<unknown>): Promise<boolean> {
  let isAnswered = false
  const answered = response.then(
    () => {
      isAnswered = true
    },
    () => {
      isAnswered = true
    },
  )
  try {
    await withTimeout(pingTimeoutMs, answered)
  } catch (error) {
    if (!(error instanceof TimeoutError)) throw error
    // A process that was busy itself reads what has arrived meanwhile.
    for (let turn = 0; turn < 2; turn += 1) await nextTurn()
  }
  return !isAnswered
}
