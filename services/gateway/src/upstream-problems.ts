import { AppError } from '@quintet/chassis/errors'
import type { ExchangeError } from './http1/connection.ts'

/** What a client is told where the service it asked for cannot answer. */

export function circuitOpen(service: string, retryAfterMs: number): AppError {
  return new AppError('dependency_down', `The ${service} service is failing; it is not asked for a while.`, {
    retryAfterSeconds: Math.max(1, Math.ceil(retryAfterMs / 1000)),
  })
}

export function overloaded(service: string, inFlightMax: number): AppError {
  return new AppError(
    'overloaded',
    `The ${service} service has ${inFlightMax} requests to answer, and takes no more for now.`,
  )
}

export function failed(service: string, failure: ExchangeError): AppError {
  const options = { cause: failure }
  switch (failure.fault) {
    case 'refused':
      return new AppError(
        'bad_gateway',
        `The ${service} service cannot be reached; nothing was changed.`,
        options,
      )
    case 'timeout':
      return new AppError(
        'gateway_timeout',
        `The ${service} service did not answer in time. ${unknownOutcome}`,
        options,
      )
    case 'stalled':
      return new AppError('request_timeout', 'The request did not arrive in time.', {
        headers: { connection: 'close' },
      })
    case 'reset':
      return new AppError(
        'bad_gateway',
        `The ${service} service broke off before it answered. ${unknownOutcome}`,
        options,
      )
    case 'malformed':
      return new AppError(
        'bad_gateway',
        `The ${service} service gave no valid answer. ${unknownOutcome}`,
        options,
      )
  }
}

const unknownOutcome = 'Whether the request took effect is not known.'
