import { spawnSync } from 'node:child_process'
import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { topology } from '@quintet/contracts/topology'
import { outdatedFiles } from './derived/derived-files.ts'
import { requireNoArguments, UsageError } from './usage-error.ts'

const root = new URL('../', import.meta.url)

export const deriveUsage =
  '  quintet derive                            update every file that is derived from contracts/src/topology.ts\n'

/** `quintet derive`: updates every file that is derived from contracts/src/topology.ts. */
export async function derive(words: readonly string[]): Promise<void> {
  requireNoArguments('derive', words)
  const outdated = outdatedFiles(topology, (file) => readFileSync(new URL(file, root), 'utf8'))
  for (const [file, text] of outdated) {
    writeFileSync(new URL(file, root), text)
    process.stdout.write(`${file}\n`)
  }
  completeDerivation()
}

/** Updates the files that other programs generate, and prints those that have changed. */
export function completeDerivation(): void {
  const before = generatedTexts()
  runProgram('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline'])
  runProgram('npm', ['run', 'clients'])
  for (const [file, text] of generatedTexts())
    if (text !== before.get(file)) process.stdout.write(`${file}\n`)
}

/** The lockfile, and what `npm run clients` writes, by their paths from the root. */
function generatedTexts(): Map<string, string> {
  const patterns = ['package-lock.json', 'contracts/openapi/*.json', 'clients/typescript/api.ts']
  const files = globSync(patterns, { cwd: root })
  return new Map(files.map((file) => [file, readFileSync(new URL(file, root), 'utf8')]))
}

export function runProgram(command: string, words: readonly string[]): void {
  const { status, error } = spawnSync(command, words, {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  if (status !== 0)
    throw new UsageError(
      `"${command} ${words.join(' ')}" failed${error ? `: ${error.message}` : ''}. Then run: npm run quintet derive`,
    )
}
