import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'

type Counts = { readonly total: number; readonly covered: number }
type FileCoverage = { readonly lines: Counts; readonly branches: Counts }

const included = ['{chassis,contracts,services/*}/src/**', 'cli/**', '*.ts']

/**
 * Prints the coverage of lines and branches of each folder, and the total, from the files that processes have written into
 * a folder as `NODE_V8_COVERAGE` says. c8 leaves out a file that a process was killed while writing; Node's own report fails with it.
 */
export function printCoverage(profiles: string): void {
  const folder = mkdtempSync(join(tmpdir(), 'quintet-coverage-'))
  try {
    const options = [
      '--merge-async',
      '--temp-directory',
      profiles,
      '--reporter',
      'json-summary',
      '--reports-dir',
      folder,
    ]
    const patterns = included.flatMap((pattern) => ['--include', pattern])
    const words = ['node_modules/.bin/c8', 'report', ...options, ...patterns]
    const { status } = spawnSync(process.execPath, words, { stdio: 'inherit' })
    if (status !== 0) throw new Error(`The coverage is unknown, since c8 failed with exit code ${status}.`)
    const text = readFileSync(join(folder, 'coverage-summary.json'), 'utf8')
    const { total: _, ...files }: Record<string, FileCoverage> = JSON.parse(text)
    process.stdout.write(tableOf(Object.entries(files)))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function tableOf(files: readonly (readonly [path: string, FileCoverage])[]): string {
  const folders = Map.groupBy(files, ([path]) => folderOf(relative(process.cwd(), path)))
  const rows = [...folders, ['total', files] as const].map(
    ([folder, members]) => [folder, members.map(([, coverage]) => coverage)] as const,
  )
  const width = Math.max(...rows.map(([folder]) => folder.length))
  const lines = rows
    .toSorted(
      ([one], [other]) => Number(one === 'total') - Number(other === 'total') || one.localeCompare(other),
    )
    .map(([folder, members]) => `${folder.padEnd(width)}  ${percentages(members)}\n`)
  return `\ncoverage of lines and branches\n${lines.join('')}`
}

/** A folder of the chassis, a service, or another folder or file at the root. */
function folderOf(path: string): string {
  const names = path.split('/')
  return names.slice(0, depths[names[0] ?? ''] ?? 1).join('/')
}

const depths: Readonly<Record<string, number>> = { chassis: 3, services: 2 }

function percentages(files: readonly FileCoverage[]): string {
  return `${percent(files.map(({ lines }) => lines))} of lines, ${percent(files.map(({ branches }) => branches))} of branches`
}

function percent(counts: readonly Counts[]): string {
  const total = counts.reduce((sum, count) => sum + count.total, 0)
  const covered = counts.reduce((sum, count) => sum + count.covered, 0)
  return `${(total === 0 ? 100 : (100 * covered) / total).toFixed(1).padStart(5)} %`
}
