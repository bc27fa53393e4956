/** Every setting that was made, by name: the text as it was written, and where. */
export type Settings = ReadonlyMap<string, { value: string; source: 'environment' | '.env' }>
