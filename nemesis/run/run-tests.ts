import { run } from 'node:test'

/** A test that was run, with what its diagnostics count, such as `42 accepted by both`. */
export type TestRun = {
  readonly title: string
  readonly isPassed: boolean
  readonly ms: number
  readonly counts: Count[]
}

type Count = { readonly count: number; readonly what: string }

const root = new URL('../..', import.meta.url).pathname
/** Of all together. */
const timeoutMs = 280_000

/** Runs test files, one after the other, and prints each test as it ends. Tests within a test are left out. */
export async function runTests(
  files: readonly string[],
  print: (line: string) => void,
): Promise<readonly TestRun[]> {
  const tests: TestRun[] = []
  const options = { cwd: root, files: files.map((file) => root + file), concurrency: 1 }
  const events = run({ ...options, signal: AbortSignal.timeout(timeoutMs) })
  for await (const { type, data } of events) {
    if ((type === 'test:pass' || type === 'test:fail') && data.nesting === 0 && data.skip === undefined) {
      const isPassed = type === 'test:pass'
      tests.push({ title: data.name, isPassed, ms: data.details.duration_ms, counts: [] })
      print(`${isPassed ? 'passed' : 'FAILED'}  ${data.name}  ${Math.round(data.details.duration_ms)} ms`)
      if (type === 'test:fail') print(String(data.details.error.cause ?? data.details.error))
    }
    const [, count, what] = (type === 'test:diagnostic' && /^([\d,]+) (.+)$/.exec(data.message)) || []
    if (count === undefined || what === undefined) continue
    tests.at(-1)?.counts.push({ count: Number(count.replaceAll(',', '')), what })
    print(`          ${count.padStart(7)} ${what}`)
  }
  if (tests.length === 0) throw new Error(`No test was run of ${files.join(', ')}.`)
  return tests
}
