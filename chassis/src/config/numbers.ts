import { Type } from 'typebox'
import type { TInteger } from 'typebox'

/** The TCP port that a service listens on; 0 means any free one. */
export function port(defaultPort: number, description: string): TInteger {
  return Type.Integer({ minimum: 0, maximum: 65535, default: defaultPort, description })
}

/** The port of something that is only there where a port is set; 0 means any free one. */
export function optionalPort(description: string) {
  return Type.Union([Type.Integer({ minimum: 0, maximum: 65535 }), Type.Literal('')], {
    default: '',
    description,
    expected: 'a port from 0 to 65535, or empty',
  })
}

type Bounds = {
  minimum: number
  maximum: number
  description: string
  /** Whether it is a limit of the whole instance, of which each of its workers has an equal share. */
  isDivided?: boolean
}

/** A whole number within bounds. */
export function count(defaultCount: number, bounds: Bounds): TInteger {
  return Type.Integer({ ...bounds, default: defaultCount })
}

/** A duration; the setting's name ends in `_MS`. */
export function milliseconds(defaultMs: number, bounds: Bounds): TInteger {
  const expected = `a number of milliseconds from ${bounds.minimum} to ${bounds.maximum}`
  return Type.Integer({ ...bounds, default: defaultMs, expected })
}
