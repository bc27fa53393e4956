import { existsSync, readdirSync, readFileSync } from 'node:fs'

/** Processor time so far, and resident memory now; pages that processes share are counted in each. */
export type Usage = { cpuMs: number; rssMb: number }

type Process = { parent: number; cpuMs: number; reapedCpuMs: number }

/** Linux counts processor time in hundredths of a second for its readers, whatever it does itself. */
export const tickMs = 10

export const hasProc = existsSync('/proc/self/stat')

/** The sum over these processes and all their descendants; NaN where there is no /proc. */
export function usageOf(roots: number[]): Usage {
  if (!hasProc) return { cpuMs: Number.NaN, rssMb: Number.NaN }
  const processes = listProcesses()
  const tree = new Set(roots)
  // A child has a higher id than its parent unless ids have wrapped around, so one pass nearly always sees all.
  for (const [pid, { parent }] of [...processes].sort(([a], [b]) => a - b))
    if (tree.has(parent)) tree.add(pid)
  return {
    cpuMs: sum([...tree].map((pid) => processes.get(pid)?.cpuMs ?? 0)),
    rssMb: sum([...tree].map(residentMb)),
  }
}

/** Processor time of this process and of the load generators that it has waited for. */
export function ownCpuMs(): number {
  const self = readProcess('self')
  return self ? self.cpuMs + self.reapedCpuMs : 0
}

function listProcesses(): Map<number, Process> {
  const processes = new Map<number, Process>()
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    const process = readProcess(name)
    if (process) processes.set(Number(name), process)
  }
  return processes
}

function readProcess(name: string): Process | undefined {
  const stat = readIfThere(`/proc/${name}/stat`)
  // The second field is the program's name in brackets and may itself hold spaces and brackets.
  const fields = stat
    ?.slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number)
  if (!fields) return undefined
  const [user = 0, system = 0, reapedUser = 0, reapedSystem = 0] = fields.slice(11, 15)
  return {
    parent: fields[1] ?? 0,
    cpuMs: (user + system) * tickMs,
    reapedCpuMs: (reapedUser + reapedSystem) * tickMs,
  }
}

function residentMb(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+)/m.exec(readIfThere(`/proc/${pid}/status`) ?? '')?.[1]
  return Number(kilobytes ?? 0) / 1_024
}

/** A process may end between being listed and being read. */
function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

function sum(numbers: number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
