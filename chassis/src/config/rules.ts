import type { Static, TObject } from 'typebox'

/** A sentence for each fault of settings that depend on each other. It is given those whose own value is valid. */
type SettingsRule<T extends TObject> = (values: Partial<Static<T>>) => readonly string[]

const rules = new WeakMap<TObject, (values: Readonly<Record<string, unknown>>) => readonly string[]>()

/** The schema, whose settings must also keep to the rule. */
export function withRule<T extends TObject>(schema: T, rule: SettingsRule<T>): T {
  // The values have been checked against the schema, one by one.
  rules.set(schema, (values) => rule(values as Partial<Static<T>>))
  return schema
}

/** The faults of these values of the schema by its rule. */
export function faultsByRule(schema: TObject, values: Readonly<Record<string, unknown>>): readonly string[] {
  return rules.get(schema)?.(values) ?? []
}

/** A sentence for each port that several settings have; 0, any free port, may be had by all. */
export function equalPorts(ports: Readonly<Record<string, number>>): string[] {
  const used = Object.entries(ports).filter(([, port]) => port !== 0)
  return [...Map.groupBy(used, ([, port]) => port)]
    .filter(([, settings]) => settings.length > 1)
    .map(([port, settings]) => {
      const names = new Intl.ListFormat('en-GB').format(settings.map(([name]) => name))
      return `${names} are ${settings.length === 2 ? 'both' : 'all'} ${port}: set a port for each service that no other has.`
    })
}
