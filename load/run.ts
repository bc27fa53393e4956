import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { runProgram } from '@quintet/backends/command-line'
import { parseArguments, usage } from './arguments.ts'
import type { Arguments } from './arguments.ts'
import { findK6 } from './find-k6.ts'
import { backWithinMs, formatReport, htmlOf, reportOf } from './report.ts'
import { parseSummary } from './summary.ts'

const folder = fileURLToPath(new URL('results/', import.meta.url))
/** The exit code of k6 for a threshold that was crossed, whose name is in the summary. */
const thresholdCrossed = 99

/** Puts load on a running system, and reports how it behaved; fails if it did not behave as demanded. */
async function run(given: Arguments, env: NodeJS.ProcessEnv): Promise<boolean> {
  const { profile, service = 'mixed', target } = given
  const k6 = findK6(env)
  await requireSystem(target)
  mkdirSync(folder, { recursive: true })
  const date = new Date().toISOString()
  const name = `${folder}${date.slice(0, 19).replaceAll(':', '')}-${profile}-${service}`
  const code = await runK6(k6, given, { ...env, SUMMARY: `${name}.json` })
  if (!existsSync(`${name}.json`)) throw new Error(`k6 ended with code ${code} and without a summary.`)
  const isSearch = profile === 'breakpoint'
  const summary = parseSummary(readFileSync(`${name}.json`, 'utf8'))
  rmSync(`${name}.json`)
  const backMs = await timeUntilBack(target)
  const report = reportOf(summary, { profile, target, date, isSearch, backMs })
  writeFileSync(`${name}.html`, htmlOf(report))
  process.stdout.write(`\n${formatReport(report)}\n`)
  process.stdout.write(`The report with charts is ${name}.html\n`)
  const isGood = report.demands.every(({ isMet }) => isMet)
  return isGood && (code === 0 || code === thresholdCrossed)
}

/** Shows its progress, and resolves to its exit code. */
async function runK6(
  k6: string,
  { profile, service = 'mixed', target, rate, seconds }: Arguments,
  env: NodeJS.ProcessEnv,
): Promise<number | null> {
  const script = fileURLToPath(new URL(`${profile}.js`, import.meta.url))
  const child = spawn(k6, ['run', '--no-usage-report', script], {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: {
      ...env,
      TARGET: target,
      SERVICE: service,
      ...(rate !== undefined && { RATE: String(rate) }),
      ...(seconds !== undefined && { SECONDS: String(seconds) }),
    },
  })
  // An interrupt is for k6, which then ends early and still writes its summary.
  process.on('SIGINT', () => {})
  const [code]: (number | null)[] = await once(child, 'exit')
  return code ?? null
}

async function requireSystem(target: string): Promise<void> {
  if (await isReady(target)) return
  throw new Error(
    `No system is ready at ${target}: start one, for example by npm start, or name it by --target.`,
  )
}

async function isReady(target: string): Promise<boolean> {
  const signal = AbortSignal.timeout(2_000)
  return fetch(`${target}/health/ready`, { signal }).then(
    ({ ok }) => ok,
    () => false,
  )
}

async function timeUntilBack(target: string): Promise<number | undefined> {
  const startedAt = performance.now()
  while (performance.now() - startedAt < backWithinMs) {
    if (await isReady(target)) return performance.now() - startedAt
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  return undefined
}

await runProgram(usage, (args) => run(parseArguments(args), process.env))
