import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { portSetting, serviceNames } from '@quintet/contracts/topology'

export const root = new URL('../..', import.meta.url).pathname

const freePorts = Object.fromEntries([...serviceNames, 'console'].map((name) => [portSetting(name), '0']))

type Process = {
  readonly child: ChildProcess
  /** What it has printed so far, to standard output and standard error. */
  output(): string
  /** The address that it prints for a service; rejects with its output if it ends before. */
  address(service: string): Promise<string>
  kill(signal: NodeJS.Signals): Promise<number | null>
}

/** A temporary data folder, removed after the test. */
export function dataFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'quintet-data-'))
  t.after(async () => {
    await endProcesses(t)
    rmSync(folder, { recursive: true, force: true })
  })
  return folder
}

const startedBy = new WeakMap<TestContext, ChildProcess[]>()

/** Hooks run in the order of their registration, and a folder cannot be removed while a process writes to it. */
async function endProcesses(t: TestContext): Promise<void> {
  for (const child of startedBy.get(t) ?? []) {
    if (child.exitCode !== null || child.signalCode !== null) continue
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
}

/** Runs a program of this repository, or of a copy, on free ports; it is killed after the test. */
export function run(
  t: TestContext,
  words: readonly string[],
  environment: Record<string, string>,
  folder = root,
  program = process.execPath,
): Process {
  const child = spawn(program, words, {
    cwd: folder,
    // A process group of its own, so that a test can end what a wrapper has left behind.
    detached: program !== process.execPath,
    env: {
      PATH: process.env.PATH,
      HOST: '127.0.0.1',
      ...freePorts,
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let printed = ''
  let more = Promise.withResolvers<void>()
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk) => {
      printed += chunk
      more.resolve()
      more = Promise.withResolvers()
    })
  const ended = once(child, 'exit')
  startedBy.set(t, [...(startedBy.get(t) ?? []), child])
  t.after(() => endProcesses(t))

  async function address(service: string): Promise<string> {
    for (;;) {
      const found = new RegExp(`^${service} +(https?://\\S+)`, 'm').exec(printed)?.[1]
      if (found !== undefined) return found
      if (child.exitCode !== null || child.signalCode !== null) throw new Error(`It ended: ${printed}`)
      await Promise.race([ended, more.promise])
    }
  }

  return {
    child,
    output: () => printed,
    address,
    async kill(signal) {
      child.kill(signal)
      await ended
      return child.exitCode
    },
  }
}

/** Sends JSON, and returns the status, the body and the header; undefined if the connection broke before a response. */
export async function call(
  method: string,
  url: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<{ status: number; body: unknown; headers: Headers } | undefined> {
  try {
    const response = await fetch(url, {
      method,
      headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    return {
      status: response.status,
      body: text === '' ? undefined : JSON.parse(text),
      headers: response.headers,
    }
  } catch {
    return undefined
  }
}
