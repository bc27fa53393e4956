/** The time of the processor that this thread has used, in ms: other programs do not count. */
export function threadMs(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1_000
}
