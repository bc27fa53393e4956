import type { TObject, TSchema } from 'typebox'

/**
 * The values of the settings that are a limit of the whole instance for each of its `count` processes, by name: equal shares, rounded up.
 * `values` are the valid settings of the schema.
 */
export function shareOfLimits(
  schema: TObject,
  values: Readonly<Record<string, unknown>>,
  count: number,
): Record<string, string> {
  const properties: Record<string, TSchema & { isDivided?: boolean }> = schema.properties
  const limits = Object.entries(values).filter(([name]) => properties[name]?.isDivided === true)
  return Object.fromEntries(limits.map(([name, value]) => [name, String(Math.ceil(Number(value) / count))]))
}
