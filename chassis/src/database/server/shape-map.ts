import type { Statement } from '../port.ts'
import { Reference, valuePlaceholder } from '../reference.ts'

const shapesMax = 500

/**
 * A value for each shape of units: what units have in common that differ only in the values of their parameters. It is
 * emptied when it is full: built queries differ without end, and shapes in use return at once.
 */
export function createShapeMap<V>(create: (unit: readonly Statement[], hasDeadline: boolean) => V): {
  get(unit: readonly Statement[], hasDeadline: boolean): V
} {
  const textIds = new Map<string, number>()
  const values = new Map<string, V>()

  function textIdOf(text: string): number {
    const known = textIds.get(text)
    if (known !== undefined) return known
    textIds.set(text, textIds.size)
    return textIds.size - 1
  }

  /** The texts by number, since they are long; whether each must affect rows; and what it refers to. */
  function keyOf(unit: readonly Statement[], hasDeadline: boolean): string {
    let key = hasDeadline ? 'd' : ''
    for (const { sql, parameters, mustAffectRows } of unit) {
      key += mustAffectRows ? `!${textIdOf(sql)}` : `,${textIdOf(sql)}`
      for (const value of parameters)
        if (value instanceof Reference)
          key += `:${unit.indexOf(value.statement)}.${value.column}${value.template === valuePlaceholder ? '' : '*'}`
    }
    return key
  }

  function get(unit: readonly Statement[], hasDeadline: boolean): V {
    const key = keyOf(unit, hasDeadline)
    const known = values.get(key)
    if (known !== undefined) return known
    if (values.size >= shapesMax) {
      // The numbers of the texts start again, so the key is made again.
      textIds.clear()
      values.clear()
      return get(unit, hasDeadline)
    }
    const created = create(unit, hasDeadline)
    values.set(key, created)
    return created
  }

  return { get }
}
