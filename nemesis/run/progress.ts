import type { Progress } from './run-scenario.ts'

const lineEveryMs = 5_000

/** Shows a run: on a terminal in one line, which is written again each time, otherwise by a line now and then. */
export function showProgress(name: string, forMs: number, output: NodeJS.WriteStream) {
  let nextMs = 0
  return {
    show({ phase, elapsedMs, operations }: Progress): void {
      if (!output.isTTY && elapsedMs < nextMs) return
      nextMs = elapsedMs + lineEveryMs
      const time = `${Math.round(elapsedMs / 1_000)} of ${Math.round(forMs / 1_000)} s`
      const line = `${name}  ${time}  ${operations} operations  ${phase}`
      output.write(output.isTTY ? `\r\u001b[K${line.slice(0, output.columns - 1)}` : `${line.trimEnd()}\n`)
    },
    end: () => void (output.isTTY && output.write('\r\u001b[K')),
  }
}
