import { relative } from 'node:path'

type FileCoverage = {
  readonly path: string
  readonly totalLineCount: number
  readonly coveredLineCount: number
  readonly totalBranchCount: number
  readonly coveredBranchCount: number
}
type TestEvent =
  | {
      readonly type: 'test:coverage'
      readonly data: {
        readonly summary: { readonly workingDirectory: string; readonly files: readonly FileCoverage[] }
      }
    }
  | { readonly type: 'other' }

type Sums = { lines: number; coveredLines: number; branches: number; coveredBranches: number }

/** A reporter for Node's test runner that prints the coverage of lines and branches of each folder, and the total. */
// biome-ignore lint/style/noDefaultExport: Node's test runner loads a reporter by its default export.
export default async function* coverageReporter(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const event of source)
    if (event.type === 'test:coverage')
      yield tableOf(event.data.summary.files, event.data.summary.workingDirectory)
}

function tableOf(files: readonly FileCoverage[], root: string): string {
  const folders = Map.groupBy(files, ({ path }) => folderOf(relative(root, path)))
  const rows = [...folders].toSorted(([one], [other]) => one.localeCompare(other))
  const width = Math.max(...rows.map(([folder]) => folder.length))
  const lines = rows.map(([folder, members]) => `${folder.padEnd(width)}  ${percentages(sumOf(members))}`)
  return `\ncoverage of lines and branches\n${lines.join('\n')}\n${'total'.padEnd(width)}  ${percentages(sumOf(files))}\n`
}

/** A folder of the chassis, a service, or what stands at the root. */
function folderOf(path: string): string {
  const [place = '', , folder = ''] = path.split('/')
  return place === 'chassis'
    ? `chassis/src/${folder}`
    : path
        .split('/')
        .slice(0, place === 'services' ? 2 : 1)
        .join('/')
}

function sumOf(files: readonly FileCoverage[]): Sums {
  const sums = { lines: 0, coveredLines: 0, branches: 0, coveredBranches: 0 }
  for (const file of files) {
    sums.lines += file.totalLineCount
    sums.coveredLines += file.coveredLineCount
    sums.branches += file.totalBranchCount
    sums.coveredBranches += file.coveredBranchCount
  }
  return sums
}

function percentages({ lines, coveredLines, branches, coveredBranches }: Sums): string {
  return `${percent(coveredLines, lines)} of lines, ${percent(coveredBranches, branches)} of branches`
}

function percent(part: number, whole: number): string {
  return `${(whole === 0 ? 100 : (100 * part) / whole).toFixed(1).padStart(5)} %`
}
