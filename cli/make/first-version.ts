/**
 * The first version of a new service has no earlier one, so it is made without what the model has for upgrades from its own: its
 * migrations, which become one, and the files below, with every line that refers to them or to their column.
 */
const upgradeFiles = ['src/title-keys.ts', 'test/earlier-writer.test.ts']
const upgradeLine = /keyed_version|keyedVersion|MissingKey|\/title-keys\.ts|\/earlier-writer\.test\.ts/

/** The only migration of a new service, under the model's nouns; test/make-service.test.ts compares its tables with the model's. */
export const firstMigration = 'cli/make/migrations/0001-create-movies.ts'

/** Whether a file of the model, by its path in the folder of the service, is needed only by upgrades. */
export function isForUpgrades(file: string): boolean {
  return file.startsWith('migrations/') || upgradeFiles.includes(file)
}

/** Removes the lines of code that only upgrades need, each with the line of comment before it. */
export function withoutUpgrades(text: string): string {
  const lines = text.replace(/, 'keyed_version'/g, '').split('\n')
  return lines
    .filter(
      (line, at) => !upgradeLine.test(line) && !(isComment(line) && upgradeLine.test(lines[at + 1] ?? '')),
    )
    .join('\n')
}

function isComment(line: string): boolean {
  return /^\s*(?:\/\/|\/\*\*.*\*\/$)/.test(line)
}
