import type { Bench } from './measure.ts'
import type { Row } from './rows.ts'
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startServer } from './servers.ts'

/** The members of a .cpuprofile that are used; times are in microseconds. */
type CpuProfile = {
  nodes: { id: number; callFrame: { functionName: string; url: string; lineNumber: number } }[]
  samples: number[]
  timeDeltas: number[]
  startTime: number
}

type Frame = CpuProfile['nodes'][number]['callFrame']
type Span = { fromUs: number; toUs: number }

const functionsMax = 25
const modulesMax = 10
const warmUpSeconds = 2
const projectRoot = join(import.meta.dirname, '..')

/** Loads a row under the V8 profiler and returns where each thread spent its time. */
export async function profileRow(
  row: Row,
  bench: Omit<Bench, 'bareHttp'> & { directory: string },
): Promise<string> {
  const { generator, seconds, directory } = bench
  const profiles = mkdtempSync(join(tmpdir(), 'quintet-profile-'))
  const server = await startServer(row.processes, {
    directory,
    nodeFlags: ['--cpu-prof', `--cpu-prof-dir=${profiles}`],
  })
  await row.workload.seed?.(server.url)
  const load = {
    url: server.url,
    requests: row.workload.requests,
    connections: generator.connections,
    authorization: await row.authorization?.(),
  }
  await generator.run({ ...load, seconds: warmUpSeconds })
  const fromUs = nowUs()
  const { rps } = await generator.run({ ...load, seconds })
  const span = { fromUs, toUs: nowUs() }
  await server.close()
  const threads = readdirSync(profiles)
    .sort()
    .map((name) => formatThread(join(profiles, name), span))
  return [`${row.name}: ${Math.round(rps)} req/s under the profiler`, ...threads].join('\n')
}

/** Process 42's main thread is called `CPU.<date>.<time>.42.0.<n>.cpuprofile`, its workers have 1 and more. */
function formatThread(path: string, span: Span): string {
  const [, , , pid, thread] = basename(path).split('.')
  const times = selfTimes(JSON.parse(readFileSync(path, 'utf8')), span)
  const idleUs = [...times].reduce(
    (sum, [frame, us]) => (frame.functionName === '(idle)' ? sum + us : sum),
    0,
  )
  const busyUs = [...times.values()].reduce((sum, us) => sum + us, 0) - idleUs
  const busyShare = (100 * busyUs) / (span.toUs - span.fromUs)
  return [
    `\nprocess ${pid}, thread ${thread}: busy ${busyShare.toFixed(0)} %  (${path})`,
    ...formatTop(times, busyUs, functionsMax, describeFunction),
    '  by module:',
    ...formatTop(
      times,
      busyUs,
      modulesMax,
      ({ functionName, url }) => moduleOf(url) || functionName || '(native)',
    ),
  ].join('\n')
}

/** Self time by frame within the span; the profiler and `process.hrtime` use the same clock. */
function selfTimes(
  { nodes, samples, timeDeltas, startTime }: CpuProfile,
  { fromUs, toUs }: Span,
): Map<Frame, number> {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]))
  const times = new Map<Frame, number>()
  let atUs = startTime
  for (const [index, id] of samples.entries()) {
    const tookUs = timeDeltas[index] ?? 0
    atUs += tookUs
    const frame = frames.get(id)
    if (frame && atUs > fromUs && atUs < toUs) times.set(frame, (times.get(frame) ?? 0) + tookUs)
  }
  return times
}

/** Largest first, in percent of the time in which the thread was busy. */
function formatTop(
  times: Map<Frame, number>,
  busyUs: number,
  countMax: number,
  nameOf: (frame: Frame) => string,
): string[] {
  const totals = new Map<string, number>()
  for (const [frame, us] of times) {
    if (frame.functionName !== '(idle)') totals.set(nameOf(frame), (totals.get(nameOf(frame)) ?? 0) + us)
  }
  const top = [...totals].sort(([, a], [, b]) => b - a).slice(0, countMax)
  return top.map(([name, us]) => `${((100 * us) / busyUs).toFixed(1).padStart(6)} %  ${name}`)
}

function describeFunction({ functionName, url, lineNumber }: Frame): string {
  const name = functionName || '(anonymous)'
  return url === '' ? name : `${name}  ${shorten(url)}:${lineNumber + 1}`
}

/** A package, a file of this project, or a module of Node. */
function moduleOf(url: string): string {
  const path = shorten(url)
  return /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? path
}

function shorten(url: string): string {
  return url.startsWith('file:') ? fileURLToPath(url).replace(`${projectRoot}/`, '') : url
}

function nowUs(): number {
  return Number(process.hrtime.bigint() / 1_000n)
}
