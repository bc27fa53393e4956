import { existsSync, readdirSync, readFileSync } from 'node:fs'

/** CPU time used so far and resident memory now; pages shared by processes are counted once for each. */
type Usage = { cpuMs: number; rssMb: number }

type Process = { parent: number; cpuMs: number; reapedCpuMs: number }

/** Linux reports CPU time in /proc in hundredths of a second (USER_HZ). */
export const tickMs = 10

export const hasProc = existsSync('/proc/self/stat')

/** The sum over these processes and all their descendants; NaN where there is no /proc. */
export function usageOf(roots: number[]): Usage {
  if (!hasProc) return { cpuMs: Number.NaN, rssMb: Number.NaN }
  const processes = listProcesses()
  const tree = treeOf(roots, processes)
  return {
    cpuMs: sum(tree.map((pid) => processes.get(pid)?.cpuMs ?? 0)),
    rssMb: sum(tree.map(residentMb)),
  }
}

/** The ids of these processes and of all their descendants. */
export function treeOf(roots: number[], processes = listProcesses()): number[] {
  const tree = new Set(roots)
  // One pass in the order of ids is enough unless ids have wrapped around: a child has a higher id than its parent.
  for (const [pid, { parent }] of [...processes].sort(([a], [b]) => a - b))
    if (tree.has(parent)) tree.add(pid)
  return [...tree]
}

/** The open descriptors of these processes and of all their descendants; NaN where there is no /proc. */
export function countDescriptors(roots: number[]): number {
  return hasProc ? sum(treeOf(roots).map((pid) => readdirSync(`/proc/${pid}/fd`).length)) : Number.NaN
}

/** CPU time of this process and of its children that have exited, such as load generators. */
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
  const stat = readIfExists(`/proc/${name}/stat`)
  // The second field is the program's name in parentheses, which may itself contain spaces and parentheses.
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
  const kilobytes = /^VmRSS:\s+(\d+)/m.exec(readIfExists(`/proc/${pid}/status`) ?? '')?.[1]
  return Number(kilobytes ?? 0) / 1_024
}

/** A process may exit between being listed and being read. */
function readIfExists(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

function sum(numbers: number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
