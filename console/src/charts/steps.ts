/** How much time a row stands for, and how long such rows are kept. */
const tiers = [
  { stepMs: 10_000, keptMs: 6 * 3_600_000 },
  { stepMs: 60_000, keptMs: 3 * 86_400_000 },
] as const
const coarsestMs = 600_000

/** The least time that rows stand for, of those that go back so far. */
export function finestStepMs(from: number, now: number): number {
  return tiers.find(({ keptMs }) => now - from <= keptMs)?.stepMs ?? coarsestMs
}
