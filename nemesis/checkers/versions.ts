import type { Violation } from './violation.ts'
import type { RegisterOperation } from './register.ts'

/**
 * Versions of one resource: each belongs to one content for ever, and none goes back in real time. What was returned by an
 * operation is a lower bound for every operation that begins after its completion, and a write exceeds it. For a register whose
 * versions count its writes that is linearizability itself, in O(n log n).
 */
export function checkVersions(
  operations: readonly RegisterOperation[],
  compare: (one: string, other: string) => number = byNumber,
): Violation[] {
  return [...contentsOf(operations), ...regressions(operations, compare)]
}

/** The order of versions that are integers in decimal digits. */
export function byNumber(one: string, other: string): number {
  return one.length - other.length || (one < other ? -1 : one > other ? 1 : 0)
}

/** Versions that stood for two contents, or two writes. */
function contentsOf(operations: readonly RegisterOperation[]): Violation[] {
  const found: Violation[] = []
  const first = new Map<string, { value: string; operation: RegisterOperation }>()
  for (const operation of operations) {
    const version = versionOf(operation)
    const value = contentOf(operation)
    if (version === undefined || value === undefined) continue
    const other = first.get(version)
    if (other === undefined) first.set(version, { value, operation })
    else if (other.value !== value)
      found.push({
        key: operation.key,
        message: `version ${version} stood for ${other.value} and for ${value}`,
        operations: [other.operation, operation],
      })
  }
  return found
}

function regressions(
  operations: readonly RegisterOperation[],
  compare: (one: string, other: string) => number,
): Violation[] {
  const found: Violation[] = []
  const versioned = operations.filter((one) => one.outcome === 'ok' && versionOf(one) !== undefined)
  const byCompletion = versioned.toSorted((one, other) => one.completedAt - other.completedAt)
  let ended = 0
  let greatest: RegisterOperation | undefined
  for (const operation of versioned.toSorted((one, other) => one.invokedAt - other.invokedAt)) {
    for (; (byCompletion[ended]?.completedAt ?? Number.POSITIVE_INFINITY) < operation.invokedAt; ended++) {
      const candidate = byCompletion[ended]
      if (greatest === undefined || compare(versionOf(candidate) ?? '', versionOf(greatest) ?? '') > 0)
        greatest = candidate
    }
    if (greatest === undefined) continue
    const version = versionOf(operation) ?? ''
    const order = compare(version, versionOf(greatest) ?? '')
    if (order > 0 || (order === 0 && operation.result?.kind !== 'written')) continue
    found.push({
      key: operation.key,
      message: `version ${version} came after version ${versionOf(greatest)}`,
      operations: [greatest, operation],
    })
  }
  return found
}

function versionOf(operation: RegisterOperation | undefined): string | undefined {
  const result = operation?.result
  return result !== undefined && 'version' in result ? result.version : undefined
}

function contentOf({ call, result }: RegisterOperation): string | undefined {
  if (result?.kind === 'found') return result.value
  return result?.kind === 'written' && 'value' in call ? call.value : undefined
}
