import type { LimitParts, RateLimitConfig } from './configured-limits.ts'
import type { RequestLimits } from './limits.ts'

/** The settings of limits; a caller without any has no limits. */
export type LimitsConfig = RateLimitConfig | { readonly RATE_LIMIT?: undefined }

/** The limits that the settings enable; undefined where they are off, as they are by default, and then none of the code is loaded. */
export async function openLimits(
  config: LimitsConfig,
  parts: LimitParts,
): Promise<RequestLimits | undefined> {
  if (config.RATE_LIMIT === undefined || config.RATE_LIMIT === 'off') return undefined
  const { openConfiguredLimits } = await import('./configured-limits.ts')
  return openConfiguredLimits(config, parts)
}
