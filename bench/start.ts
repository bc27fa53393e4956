import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { portSetting, serviceNames } from '@quintet/contracts/topology'
import type { Checkout } from './checkout.ts'
import { workingTree } from './checkout.ts'
import { medianOf } from './median.ts'
import { bareFastify, guid } from './rows.ts'
import { startServer } from './servers.ts'
import type { ServerProcess } from './servers.ts'
import { formatTable } from './table.ts'

/** `base` is a second checkout to measure beside the working tree. */
type StartOptions = {
  rounds: number
  base?: Checkout | undefined
  directory: string
  progress(sentence: string): void
}

/**
 * Measures the time from the start of a process to its first response: on empty storage with nothing compiled, then again on
 * what that start left. The programs take turns in each round, so that a busy moment of the machine affects all of them.
 */
export async function measureStarts({ rounds, base, directory, progress }: StartOptions): Promise<string> {
  const measured = programsOf(base).map(
    (program): typeof program & { first: number[]; second: number[] } => ({
      ...program,
      first: [],
      second: [],
    }),
  )
  for (let round = 1; round <= rounds; round++) {
    progress(`starting each program twice, round ${round} of ${rounds}`)
    for (const { process, checkout, first, second } of measured) {
      const times = await startTwice(process, checkout, directory)
      first.push(times[0])
      second.push(times[1])
    }
  }
  return formatStarts(measured)
}

type Program = { name: string; process: ServerProcess; checkout: Checkout }

/** The one that the others are related to comes first. */
function programsOf(base: Checkout | undefined): Program[] {
  const programs = [
    { name: 'guid', process: guid },
    { name: 'all services', process: allServices },
  ]
  const ofBase =
    base && programs.map(({ name, process }) => ({ name: `${name}, base`, process, checkout: base }))
  return [
    { name: 'bare Fastify', process: bareFastify, checkout: workingTree },
    ...(ofBase ?? []),
    ...programs.map((program) => ({ ...program, checkout: workingTree })),
  ]
}

/** The gateway is first, because it starts last and its response ends the start. */
const allServices: ServerProcess = {
  script: 'quintet.ts',
  args: ['start'],
  ports: [portSetting('gateway'), ...serviceNames.filter((name) => name !== 'gateway').map(portSetting)],
  core: 'anywhere',
}

/** On all cores, as users start it. */
async function startTwice(
  process: ServerProcess,
  checkout: Checkout,
  parent: string,
): Promise<[number, number]> {
  const directory = mkdtempSync(join(parent, 'start-'))
  const kept = {
    DATA_DIR: join(directory, 'data'),
    XDG_CACHE_HOME: directory,
    TMPDIR: directory,
    CONSOLE_PORT: '0',
  }
  const start = async () => {
    const spec: ServerProcess = { ...process, core: 'anywhere', prepare: async () => kept }
    const server = await startServer([spec], { directory, checkout })
    await server.close()
    return server.readyMs
  }
  try {
    return [await start(), await start()]
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** Medians over the rounds; the ratio is the median of the ratios of second starts in the same round. */
function formatStarts(measured: readonly { name: string; first: number[]; second: number[] }[]): string {
  const [reference] = measured
  const lines = measured.map(({ name, first, second }) => {
    const ratios = second.map((ms, round) => ms / (reference?.second[round] ?? Number.NaN))
    return [name, formatMs(medianOf(first)), formatMs(medianOf(second)), medianOf(ratios)?.toFixed(2) ?? '']
  })
  const head = ['', 'first start', 'second start', `to ${reference?.name}`]
  return formatTable([head, ...lines], [0]).join('\n')
}

function formatMs(ms = Number.NaN): string {
  return `${ms.toFixed(0)} ms`
}
