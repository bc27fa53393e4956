import { createLogger } from '@quintet/chassis/telemetry'

/** A logger, and the lines that it has written. */
export function createLines<Line extends object = Record<string, unknown>>() {
  const lines: Line[] = []
  const destination = { write: (line: string) => void lines.push(JSON.parse(line)) }
  return { logger: createLogger({ service: 'test', level: 'info', destination }), lines }
}
