/** The work once at a time, and not again for a while. */
export function shareFor<T>(ms: number, work: () => Promise<T>): () => Promise<T> {
  let latest: Promise<T> | undefined
  let startedAt = 0
  return () => {
    if (latest !== undefined && performance.now() - startedAt < ms) return latest
    startedAt = performance.now()
    const started = work()
    latest = started
    started.catch(() => {
      if (latest === started) latest = undefined
    })
    return started
  }
}
