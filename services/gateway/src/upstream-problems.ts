import { AppError, isOutOfDescriptors } from '@quintet/chassis/errors'
import type { ExchangeError } from './http1/connection.ts'

/** The errors that a client gets when a service cannot respond. */

export function circuitOpen(service: string, retryAfterMs: number): AppError {
  return new AppError(
    'dependency_down',
    `The ${service} service is failing; requests are not forwarded to it at the moment.`,
    {
      retryAfterSeconds: Math.max(1, Math.ceil(retryAfterMs / 1000)),
    },
  )
}

export function overloaded(service: string, inFlightMax: number): AppError {
  return new AppError(
    'overloaded',
    `The ${service} service has ${inFlightMax} requests in flight, which is the limit.`,
  )
}

export function clientShareUsed(service: string): AppError {
  return new AppError(
    'too_many_requests',
    `This client has its share of the requests in flight to the ${service} service; wait for one of them.`,
    { retryAfterSeconds: 1 },
  )
}

export function requestTimeout(): AppError {
  return new AppError('request_timeout', 'The request did not arrive in time.', {
    headers: { connection: 'close' },
  })
}

export function exchangeFailed(service: string, failure: ExchangeError): AppError {
  const options = { cause: failure }
  if (isOutOfDescriptors(failure.cause))
    return new AppError('overloaded', 'The gateway has too many connections; nothing was changed.', options)
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
        `The ${service} service did not respond in time. ${unknownOutcome}`,
        options,
      )
    case 'stalled':
      return requestTimeout()
    case 'reset':
      return new AppError(
        'bad_gateway',
        `The ${service} service closed the connection before it responded. ${unknownOutcome}`,
        options,
      )
    case 'internal':
      return new AppError('internal', 'The gateway could not pass on the response.', options)
    case 'malformed':
      return new AppError(
        'bad_gateway',
        `The ${service} service sent an invalid response. ${unknownOutcome}`,
        options,
      )
  }
}

const unknownOutcome = 'It is unknown whether the request took effect.'
