import { createLogger } from '@quintet/chassis/telemetry'

/** A logger, and the lines that it has written. */
export function createLines<Line extends object = Record<string, unknown>>() {
  const lines: Line[] = []
  const destination = {
    /** Lines of requests may come together. */
    write(text: string): void {
      for (const line of text.trimEnd().split('\n')) lines.push(JSON.parse(line))
    },
  }
  return { logger: createLogger({ service: 'test', level: 'info', destination }), lines }
}
