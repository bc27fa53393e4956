import type { SQLInputValue } from 'node:sqlite'
import { machineClock } from '../../clock/index.ts'
import type { CompactResult } from '../compact-result.ts'
import type { PendingUnit } from '../pending-unit.ts'
import type { Statement } from '../port.ts'
import { Reference } from '../reference.ts'

/**
 * A batch of units in the form in which it is posted to the writer. It is flat since the structured clone of one array of
 * primitives costs a fraction of that of objects. `texts` are the statements that were not posted before, numbered in order
 * of first use. `values` is, for each unit: how many statements; for each of them: its number (-1 - number if it must affect
 * rows), how many parameters, the parameters.
 */
export type Batch = {
  readonly texts: readonly string[]
  readonly values: readonly unknown[]
  /** Whether the numbers start again, so that built queries cannot pile up. */
  readonly renumbers: boolean
  /** The deadlines of the units by `machineClock`, where any has one. */
  readonly deadlines?: readonly number[]
}

/**
 * A result for each statement; or the index of the one that affected no row but must; or why this unit failed by itself; null
 * where its deadline had passed.
 */
export type UnitResult = CompactResult[] | number | { readonly error: string } | null

/** A result for each unit, or why nothing of the batch was applied. */
export type BatchResult = UnitResult[] | string

/** A reference by the index of the statement within its unit. */
type IndexedReference = Pick<Reference, 'column' | 'template'> & { readonly step: number }

export type Parameter = SQLInputValue | IndexedReference
export type Step<Text> = {
  readonly text: Text
  readonly mustAffectRows: boolean
  readonly parameters: Parameter[]
}

const statementsMax = 500

type EncodedUnit = Pick<PendingUnit, 'unit' | 'before'>

export function createBatchEncoder(): (units: readonly EncodedUnit[]) => Batch {
  const numbers = new Map<string, number>()

  return (units) => {
    const texts: string[] = []
    const values: unknown[] = []
    const renumbers = numbers.size >= statementsMax
    if (renumbers) numbers.clear()
    for (const { unit } of units) {
      values.push(unit.length)
      for (const { sql, parameters, mustAffectRows } of unit) {
        let number = numbers.get(sql)
        if (number === undefined) {
          number = numbers.size
          numbers.set(sql, number)
          texts.push(sql)
        }
        values.push(mustAffectRows ? -1 - number : number, parameters.length)
        for (const value of parameters) values.push(value instanceof Reference ? indexed(value, unit) : value)
      }
    }
    return { texts, values, renumbers, ...deadlinesOf(units) }
  }
}

function deadlinesOf(units: readonly EncodedUnit[]): Pick<Batch, 'deadlines'> {
  if (units.every(({ before }) => before === Number.POSITIVE_INFINITY)) return {}
  const offset = machineClock.now() - performance.now()
  return { deadlines: units.map(({ before }) => before + offset) }
}

function indexed({ statement, column, template }: Reference, unit: readonly Statement[]): IndexedReference {
  return { step: unit.indexOf(statement), column, template }
}

/** `receive` is called once for each text, and its result is the `text` of every step that has it. */
export function createBatchDecoder<Text>(receive: (text: string) => Text): (batch: Batch) => Step<Text>[][] {
  let received: Text[] = []

  function decodeStep(values: readonly unknown[], at: number, count: number): Step<Text> {
    const number = Number(values[at])
    const text = received[number < 0 ? -1 - number : number]
    if (text === undefined) throw new Error(`Statement ${number} was never posted.`)
    // node:sqlite refuses at run time what it cannot bind.
    const parameters = values.slice(at + 2, at + 2 + count) as Parameter[]
    return { text, mustAffectRows: number < 0, parameters }
  }

  return ({ texts, values, renumbers }) => {
    if (renumbers) received = []
    for (const text of texts) received.push(receive(text))
    const units: Step<Text>[][] = []
    for (let at = 0; at < values.length; ) {
      const unit: Step<Text>[] = []
      for (let left = Number(values[at++]); left > 0; left--) {
        const count = Number(values[at + 1])
        unit.push(decodeStep(values, at, count))
        at += 2 + count
      }
      units.push(unit)
    }
    return units
  }
}

export function isReference(parameter: Parameter): parameter is IndexedReference {
  return typeof parameter === 'object' && parameter !== null && 'template' in parameter
}
