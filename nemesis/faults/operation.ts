import { setTimeout as pause } from 'node:timers/promises'

/** Something that a client does repeatedly: it resolves when it has succeeded, and rejects otherwise. */
export type Operation = () => Promise<unknown>

/** One attempt; times are those of `performance.now()`. */
export type Sample = { readonly sentAt: number; readonly endedAt: number; readonly succeeded: boolean }

const inFlightMax = 200

/** An operation attempted at regular times, whatever became of earlier attempts. */
export type Observation = { readonly samples: readonly Sample[]; stop(): Promise<void> }

export function observe(operation: Operation, everyMs: number): Observation {
  const samples: Sample[] = []
  const inFlight = new Set<Promise<void>>()
  let isStopped = false

  async function attempt(): Promise<void> {
    const sentAt = performance.now()
    const succeeded = await operation().then(
      () => true,
      () => false,
    )
    if (!isStopped) samples.push({ sentAt, endedAt: performance.now(), succeeded })
  }

  const timer = setInterval(() => {
    if (inFlight.size >= inFlightMax) return
    const one = attempt().finally(() => inFlight.delete(one))
    inFlight.add(one)
  }, everyMs)
  return {
    samples,
    async stop() {
      isStopped = true
      clearInterval(timer)
      await Promise.race([Promise.all(inFlight), pause(1_000, undefined, { ref: false })])
    },
  }
}

/** What a fault was for the clients of an operation, in milliseconds. */
export type Effect = {
  /** The longest time without a success. */
  readonly pauseMs: number
  /** From when the engine was back to the first success. */
  readonly recoveryMs: number
  /** The same to when the last request that failed was sent; 0 if none was sent afterwards. */
  readonly lastFailureMs: number
}

export function effectOf(samples: readonly Sample[], beganAt: number, backAt: number): Effect {
  const successes = samples.filter(({ succeeded }) => succeeded).map(({ endedAt }) => endedAt)
  successes.sort((one, other) => one - other)
  const around = successes.filter((at) => at > beganAt - 1_000)
  const gaps = around.slice(1).map((at, i) => at - (around[i] ?? at))
  const recoveredAt = successes.find((at) => at > backAt) ?? Number.POSITIVE_INFINITY
  const failed = samples.filter(({ sentAt, succeeded }) => !succeeded && sentAt > backAt)
  const lastFailedAt = Math.max(backAt, ...failed.map(({ sentAt }) => sentAt))
  return {
    pauseMs: Math.max(0, ...gaps),
    recoveryMs: recoveredAt - backAt,
    lastFailureMs: lastFailedAt - backAt,
  }
}
