import type { Operation } from '../history.ts'

/**
 * Linearizability by search: is there an order of the operations, compatible with real time, in which a sequential
 * specification gives every response? The algorithm of Wing and Gong (Testing and Verifying Concurrent Objects, 1993) with
 * the memory of configurations of Lowe (Testing for Linearizability, 2017): a configuration, that is the operations ordered
 * so far and the state that they lead to, is examined once.
 */
export type Specification<State, Op> = {
  readonly initial: State
  /** The state after an operation; undefined where its response is impossible in this state. */
  apply(state: State, operation: Op): State | undefined
  /** Whether the operation changes no state. */
  isObservation(operation: Op): boolean
  encode(state: State): string
}

type SearchResult = {
  /** Unknown where the bound on configurations was reached. */
  readonly verdict: 'linearizable' | 'violation' | 'unknown'
  readonly configurations: number
}

/** About 100 bytes each. */
const configurationsMaxDefault = 300_000

type Frame<State> = {
  readonly state: State
  readonly candidates: readonly number[]
  next: number
  chosen: number
}

export function searchLinearization<State, Op extends Operation>(
  operations: readonly Op[],
  specification: Specification<State, Op>,
  { configurationsMax = configurationsMaxDefault } = {},
): SearchResult {
  const progress = createProgress(operations)
  const seen = new Set<string>()
  const frames: Frame<State>[] = []

  /** Makes the configuration the current one, unless it was examined before. */
  function enter(state: State): void {
    const configuration = `${progress.encode()} ${specification.encode(state)}`
    const isNew = !seen.has(configuration)
    seen.add(configuration)
    frames.push({ state, candidates: isNew ? candidatesIn(state) : [], next: 0, chosen: -1 })
  }

  /** The legal next operations. A legal observation may always come first, so that there is no other choice. */
  function candidatesIn(state: State): number[] {
    const legal: number[] = []
    for (const i of progress.minimal()) {
      const operation = operations[i]
      if (operation === undefined || specification.apply(state, operation) === undefined) continue
      if (specification.isObservation(operation)) return [i]
      legal.push(i)
    }
    return legal.toSorted((one, other) => completionOf(operations, one) - completionOf(operations, other))
  }

  enter(specification.initial)
  for (let frame = frames.at(-1); frame !== undefined; frame = frames.at(-1)) {
    if (progress.isComplete()) return { verdict: 'linearizable', configurations: seen.size }
    if (seen.size > configurationsMax) return { verdict: 'unknown', configurations: seen.size }
    if (frame.chosen >= 0) progress.undo(frame.chosen)
    frame.chosen = frame.candidates[frame.next++] ?? -1
    const operation = operations[frame.chosen]
    const state = operation === undefined ? undefined : specification.apply(frame.state, operation)
    if (state === undefined) {
      frames.pop()
      continue
    }
    progress.add(frame.chosen)
    enter(state)
  }
  return { verdict: 'violation', configurations: seen.size }
}

function completionOf(operations: readonly Operation[], i: number): number {
  return operations[i]?.completedAt ?? Number.POSITIVE_INFINITY
}

/** Which operations are in the order so far. Unknown ones are kept apart: they need not be in it. */
function createProgress(operations: readonly Operation[]) {
  const indexes = operations
    .map((_, i) => i)
    .toSorted((one, other) => invocationOf(one) - invocationOf(other))
  const known = indexes.filter((i) => completionOf(operations, i) !== Number.POSITIVE_INFINITY)
  const unknown = indexes.filter((i) => completionOf(operations, i) === Number.POSITIVE_INFINITY)
  const isDone = new Uint8Array(operations.length)
  let knownDone = 0
  /** All of `known` before it are done. */
  let low = 0

  function invocationOf(i: number): number {
    return operations[i]?.invokedAt ?? 0
  }

  function raiseLow(): void {
    while (low < known.length && isDone[known[low] ?? -1] === 1) low += 1
  }

  /** Those that may come next: no other one that is not done ended before they began. */
  function minimal(): number[] {
    const open: number[] = []
    let firstCompletion = Number.POSITIVE_INFINITY
    for (let k = low; k < known.length; k++) {
      const i = known[k] ?? -1
      if (invocationOf(i) > firstCompletion) break
      if (isDone[i] === 1) continue
      open.push(i)
      firstCompletion = Math.min(firstCompletion, completionOf(operations, i))
    }
    const optional = unknown.filter((i) => isDone[i] === 0)
    return [...open, ...optional].filter((i) => invocationOf(i) <= firstCompletion)
  }

  return {
    minimal,
    isComplete: () => knownDone === known.length,
    add(i: number): void {
      isDone[i] = 1
      if (completionOf(operations, i) !== Number.POSITIVE_INFINITY) knownDone += 1
      raiseLow()
    },
    undo(i: number): void {
      isDone[i] = 0
      if (completionOf(operations, i) === Number.POSITIVE_INFINITY) return
      knownDone -= 1
      while (low > 0 && invocationOf(known[low - 1] ?? -1) >= invocationOf(i)) low -= 1
      raiseLow()
    },
    encode(): string {
      const ahead: number[] = []
      for (let k = low, left = knownDone - low; left > 0; k++)
        if (isDone[known[k] ?? -1] === 1) {
          ahead.push(k)
          left -= 1
        }
      return `${low} ${ahead} ${unknown.filter((i) => isDone[i] === 1)}`
    },
  }
}
