/**
 * Which of these options of a command npm has taken from the command line: without a `--` before them it makes variables of them, and passes
 * only what follows.
 */
export function optionsTakenByNpm(names: readonly string[], environment: NodeJS.ProcessEnv): string[] {
  if (environment.npm_lifecycle_event === undefined) return []
  return names
    .filter((name) => environment[variableOf(name)] !== undefined)
    .map((name) => (environment[variableOf(name)] === '' ? `--no-${name}` : `--${name}`))
}

/** The variable that npm makes of an option. */
function variableOf(name: string): string {
  return `npm_config_${name.replaceAll('-', '_')}`
}
