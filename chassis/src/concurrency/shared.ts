/**
 * Shares the result of work among the calls that arrive while it runs, in the `keepMs` milliseconds after it and, if it took `t`
 * milliseconds, in the next `keepFactor * t` milliseconds, up to a second. So the work takes a bounded share of the process's time,
 * however often it is called. A failure is shared, but not kept.
 */
export function createShared<R>(
  work: () => Promise<R>,
  { keepFactor = 0, keepMs = 0 } = {},
): () => Promise<R> {
  let current: Promise<R> | undefined
  let freshUntilMs = Number.POSITIVE_INFINITY

  async function begin(): Promise<R> {
    const startedAtMs = performance.now()
    freshUntilMs = Number.POSITIVE_INFINITY
    try {
      const result = await work()
      const now = performance.now()
      freshUntilMs = now + Math.max(keepMs, Math.min(factorMsMax, keepFactor * (now - startedAtMs)))
      return result
    } catch (error) {
      freshUntilMs = Number.NEGATIVE_INFINITY
      throw error
    }
  }

  return () => {
    if (current === undefined || performance.now() >= freshUntilMs) current = begin()
    return current
  }
}

const factorMsMax = 1_000
