import type { RegisterOperation } from './register.ts'

/**
 * Makes a violating history of one key small enough to be read. It only weakens it, so that what is left is a violation of
 * the whole history as well: an observation is left out, and a write is taken as unknown, which allows every effect that it
 * had and more. Delta debugging (Zeller and Hildebrandt, Simplifying and Isolating Failure-Inducing Input, 2002) finds a set
 * of which no single operation can be weakened further.
 */
export function minimise(
  operations: readonly RegisterOperation[],
  isViolation: (operations: readonly RegisterOperation[]) => boolean,
): RegisterOperation[] {
  const prefix = shortestPrefix(operations, isViolation)
  const known = prefix.filter(({ outcome }) => outcome === 'ok')
  const needed = reduce(known, (kept) => isViolation(weaken(prefix, new Set(kept))))
  return relevant(weaken(prefix, new Set(needed)))
}

/** Linearizability is closed under prefixes: what completes after a time is unknown at that time. */
function shortestPrefix(
  operations: readonly RegisterOperation[],
  isViolation: (operations: readonly RegisterOperation[]) => boolean,
): RegisterOperation[] {
  const times = operations
    .map(({ completedAt }) => completedAt)
    .filter(Number.isFinite)
    .toSorted((one, other) => one - other)
  const until = (time: number) =>
    operations
      .filter(({ invokedAt }) => invokedAt <= time)
      .flatMap((one) => (one.completedAt <= time ? [one] : unknownForm(one)))
  let from = 0
  let to = times.length - 1
  while (from < to) {
    const middle = (from + to) >> 1
    if (isViolation(until(times[middle] ?? 0))) to = middle
    else from = middle + 1
  }
  return until(times[from] ?? 0)
}

/** An operation as if its response had been lost; nothing for one that changes nothing. */
function unknownForm(operation: RegisterOperation): RegisterOperation[] {
  const { call, result } = operation
  if (call.f === 'expire') return [operation]
  if (call.f === 'read' || (result !== undefined && result.kind !== 'written')) return []
  return [{ ...operation, outcome: 'info', completedAt: Number.POSITIVE_INFINITY }]
}

function weaken(
  operations: readonly RegisterOperation[],
  kept: ReadonlySet<RegisterOperation>,
): RegisterOperation[] {
  return operations.flatMap((one) => (kept.has(one) ? [one] : unknownForm(one)))
}

/** A subset that still fails and of which nothing can be left out; `fails(all)` is true. */
function reduce<Item>(all: readonly Item[], fails: (items: readonly Item[]) => boolean): readonly Item[] {
  let items = all
  for (let size = Math.ceil(items.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2))
    for (let from = 0; from < items.length; ) {
      const rest = items.toSpliced(from, size)
      if (fails(rest)) items = rest
      else from += size
    }
  return items
}

/** Leaves out writes whose outcome is unknown and which nothing that is left refers to. */
function relevant(operations: readonly RegisterOperation[]): RegisterOperation[] {
  const known = operations.filter(({ outcome }) => outcome === 'ok')
  const last = Math.max(...known.map(({ completedAt }) => completedAt))
  const values = new Set(known.map(({ result }) => (result?.kind === 'found' ? result.value : undefined)))
  const versions = new Set(known.flatMap(({ call, result }) => [versionIn(call), versionIn(result)]))
  const isReferred = ({ outcome, call, result, invokedAt }: RegisterOperation) =>
    outcome === 'ok' ||
    (invokedAt <= last &&
      (call.f === 'delete' ||
        ('value' in call && values.has(call.value)) ||
        (result?.kind === 'written' && result.version !== undefined && versions.has(result.version))))
  return operations.filter(isReferred)
}

function versionIn(part: RegisterOperation['call'] | RegisterOperation['result']): string | undefined {
  if (part === undefined) return undefined
  if ('ifMatch' in part) return part.ifMatch
  return 'version' in part ? part.version : undefined
}
