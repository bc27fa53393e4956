import { AppError } from '@quintet/chassis/errors'

/** The largest value that is forwarded; the gateway may lower any other to it (RFC 9110, 7.6.2). */
const forwardsMax = 255

/**
 * How many more times a request may be forwarded: undefined without a limit, 0 if the gateway is its final recipient. Throws
 * AppError where the field is not a number.
 */
export function maxForwards(
  method: string | undefined,
  value: string | string[] | undefined,
): number | undefined {
  // With other methods the field is the client's business.
  if (value === undefined || (method !== 'OPTIONS' && method !== 'TRACE')) return undefined
  if (typeof value !== 'string' || !/^\d+$/.test(value))
    throw new AppError('malformed', 'Max-Forwards must be a number.')
  return Math.min(Number(value), forwardsMax + 1)
}
