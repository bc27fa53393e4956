import { minimise } from './counterexample.ts'
import { prepareRegister, registerSpecification } from './register.ts'
import type { RegisterOperation } from './register.ts'
import { checkZones } from './unique-writes.ts'
import { checkVersions } from './versions.ts'
import type { Violation } from './violation.ts'
import { searchLinearization } from './wing-gong.ts'

type RegisterOptions = {
  /** How far the clock that decides about expiry may be from that of the history; 0 by default. */
  readonly toleranceNs?: number
  /** Above this number of operations on a key, what the exact method decides is not searched as well. */
  readonly searchedMax?: number
  readonly configurationsMax?: number
  /** The order of versions, or undefined where they are only unique. */
  readonly compareVersions?: ((one: string, other: string) => number) | undefined
}

type RegisterReport = {
  readonly violations: readonly Violation[]
  /** Keys whose history was too concurrent to be decided within the bounds. */
  readonly undecided: readonly string[]
}

/** Checks each key by itself, which is sound and complete for linearizability (Herlihy and Wing, 1990: it is local). */
export function checkRegister(
  operations: readonly RegisterOperation[],
  options: RegisterOptions = {},
): RegisterReport {
  const violations: Violation[] = []
  const undecided: string[] = []
  for (const [key, own] of Map.groupBy(operations, (operation) => operation.key)) {
    const verdict = linearizabilityOf(own, options)
    if (verdict === 'violation') violations.push(violationOf(key, own, options))
    if (verdict === 'unknown') undecided.push(key)
    violations.push(...checkVersions(own, options.compareVersions))
  }
  return { violations, undecided }
}

/** By both methods, where both apply; throws where they differ, which is an error in one of them. */
export function linearizabilityOf(
  operations: readonly RegisterOperation[],
  { toleranceNs = 0, searchedMax = 2_000, configurationsMax }: RegisterOptions = {},
) {
  const prepared = prepareRegister(operations, toleranceNs)
  const byZones = checkZones(prepared).verdict
  const isSearched = byZones === 'undecided' || operations.length <= searchedMax
  const bySearch = isSearched
    ? searchLinearization(
        prepared,
        registerSpecification,
        configurationsMax === undefined ? {} : { configurationsMax },
      ).verdict
    : undefined
  if (byZones === 'undecided') return bySearch ?? 'unknown'
  if (bySearch !== undefined && bySearch !== 'unknown' && bySearch !== byZones)
    throw new Error(
      `the checkers differ on ${operations[0]?.key}: ${byZones} by zones, ${bySearch} by search`,
    )
  return byZones
}

function violationOf(
  key: string,
  operations: readonly RegisterOperation[],
  options: RegisterOptions,
): Violation {
  const prepared = prepareRegister(operations, options.toleranceNs)
  const isViolation = (some: readonly RegisterOperation[]) => {
    const byZones = checkZones(some).verdict
    if (byZones !== 'undecided') return byZones === 'violation'
    return (
      searchLinearization(some, registerSpecification, { configurationsMax: 20_000 }).verdict === 'violation'
    )
  }
  const minimal = isViolation(prepared) ? minimise(prepared, isViolation) : prepared
  return { key, message: 'no order of these operations explains their responses', operations: minimal }
}
