import { spawnSync } from 'node:child_process'
import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs'
import { topology } from '@quintet/contracts/topology'
import { outdatedFiles } from './derived/derived-files.ts'
import { observabilityFiles } from './observability/files.ts'
import { requireNoArguments, UsageError } from './usage-error.ts'

const root = new URL('../', import.meta.url)

export const deriveUsage =
  '  quintet derive                            update every file that is derived from contracts/src/topology.ts\n'

/** `quintet derive`: updates every file that is derived from contracts/src/topology.ts. */
export async function derive(words: readonly string[]): Promise<void> {
  requireNoArguments('derive', words)
  const read = (file: string) => readFileSync(new URL(file, root), 'utf8')
  writeFiles(outdatedFiles(topology, read))
  writeObservabilityFiles()
  completeDerivation()
}

/** Writes the rules and the dashboards, which are made of the charts of the console, and prints those that have changed. */
export function writeObservabilityFiles(): void {
  const isCurrent = ([file, text]: [string, string]) => {
    const url = new URL(file, root)
    return existsSync(url) && readFileSync(url, 'utf8') === text
  }
  writeFiles([...observabilityFiles()].filter((one) => !isCurrent(one)))
}

function writeFiles(texts: Iterable<[string, string]>): void {
  for (const [file, text] of texts) {
    writeFileSync(new URL(file, root), text)
    process.stdout.write(`${file}\n`)
  }
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
