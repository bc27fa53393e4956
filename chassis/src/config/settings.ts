/** Every setting that is set, by name: its text and its source. */
export type Settings = ReadonlyMap<string, { value: string; source: 'environment' | '.env' }>
