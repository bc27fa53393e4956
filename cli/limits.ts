import { isShared, policyNames, readLimitUsage, resetLimit } from '@quintet/chassis/guard/limit-usage'
import type { LimitSources, LimitUsage } from '@quintet/chassis/guard/limit-usage'
import { serviceNames } from '@quintet/contracts/topology'
import { configOf, settingsFor } from './services.ts'
import { ArgumentError, parseArguments, unknownAction, UsageError } from './usage-error.ts'

export const limitsUsage = `
  quintet limits list                       print who is near or over a limit or quota, in Redis and in the database; [--all]
  quintet limits reset <policy> <client>    forget what is counted for one of them, by the names that list prints
`

export const limitsOptions = { all: { type: 'boolean', default: false } } as const

/** The used share of a limit from which on a client is near it. */
const nearShare = 0.8

/** `quintet limits`: shows and resets what limits and quotas have counted where several processes do. */
export async function limits([action, ...words]: readonly string[]): Promise<void> {
  if (action === 'list') return list(words)
  if (action === 'reset') return reset(words)
  throw unknownAction('limits', action)
}

async function list(words: readonly string[]): Promise<void> {
  const { values } = parseArguments({ args: [...words], options: limitsOptions })
  const sources = limitSources()
  const usages = await readLimitUsage(sources, Date.now())
  const shown = usages.filter((usage) => values.all || shareOf(usage) >= nearShare)
  shown.sort((one, other) => shareOf(other) - shareOf(one))
  process.stdout.write(shown.map(lineOf).join(''))
  if (shown.length === 0) process.stderr.write('Nobody is near a limit or quota.\n')
  if (!isShared(sources))
    process.stderr.write(
      'RATE_LIMIT_URL is memory:, so rates are counted in the processes themselves; /metrics shows what they decide.\n',
    )
}

async function reset(words: readonly string[]): Promise<void> {
  const { positionals } = parseArguments({ args: [...words], options: {}, allowPositionals: true })
  const [policy, partition, ...rest] = positionals
  if (policy === undefined || partition === undefined || rest.length > 0)
    throw new ArgumentError('quintet limits reset needs a policy and a client, as list prints them.')
  const sources = limitSources()
  const known = policyNames(sources)
  if (!known.includes(policy))
    throw new UsageError(`"${policy}" is not a policy; there are ${known.join(', ')}.`)
  const count = await resetLimit(sources, { policy, partition }, serviceNames)
  if (count === 0) throw new UsageError(`Nothing is counted by "${policy}" for ${partition}.`)
  process.stdout.write(`What "${policy}" has counted for ${partition} is forgotten.\n`)
}

const shareOf = ({ used, limit }: LimitUsage) => used / limit

function lineOf(usage: LimitUsage): string {
  const { place, policy, partition, used, limit } = usage
  const percent = `${Math.floor(shareOf(usage) * 100)} %`
  return `${percent.padStart(5)}  ${`${used} of ${limit}`.padEnd(20)}  ${place.padEnd(12)}  ${policy}  ${partition}\n`
}

/** The settings are those of every service. */
function limitSources(): LimitSources {
  const config = configOf('gateway', settingsFor(['gateway']))
  return {
    url: String(config.RATE_LIMIT_URL),
    quotaUrl: String(config.RATE_LIMIT_QUOTA_URL),
    text: String(config.RATE_LIMIT_POLICIES),
    file: String(config.RATE_LIMIT_FILE),
  }
}
