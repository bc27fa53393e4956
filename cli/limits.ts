import { isShared, policiesOf, readLimitUsage, resetLimit } from '@quintet/chassis/guard/limit-usage'
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
  throw unknownAction('limits', action, ['list', 'reset'])
}

async function list(words: readonly string[]): Promise<void> {
  const { values } = parseArguments({ args: [...words], options: limitsOptions })
  const sources = limitSources()
  const usages = await readLimitUsage(sources, Date.now())
  const shown = usages.filter((usage) => values.all || shareOf(usage) >= nearShare)
  shown.sort((one, other) => shareOf(other) - shareOf(one))
  process.stdout.write(shown.map(lineOf).join(''))
  if (shown.length === 0) process.stderr.write(noteOnNobody(sources))
  if (sources.isOff) process.stderr.write('RATE_LIMIT is off, so nothing is counted at present.\n')
  else if (!isShared(sources))
    process.stderr.write(
      `${inMemory}: they cannot be listed here. /metrics shows what each process decides; with redis:// they are counted together, and listed.\n`,
    )
}

const inMemory =
  'RATE_LIMIT_URL is memory:, so each process counts rates in its own memory, which no other process can read'

/** What is said where nobody is listed, of those whose counts can be. */
function noteOnNobody(sources: LimitSources): string {
  if (isShared(sources)) return 'Nobody is near a limit or quota.\n'
  return policiesOf(sources).some(({ kind }) => kind === 'quota') ? 'Nobody is near a quota.\n' : ''
}

async function reset(words: readonly string[]): Promise<void> {
  const { positionals } = parseArguments({ args: [...words], options: {}, allowPositionals: true })
  const [policy, partition, ...rest] = positionals
  if (policy === undefined || partition === undefined || rest.length > 0)
    throw new ArgumentError('quintet limits reset needs a policy and a client, as list prints them.')
  const sources = limitSources()
  const policies = policiesOf(sources)
  const found = policies.find(({ name }) => name === policy)
  if (found === undefined)
    throw new UsageError(
      `"${policy}" is not a policy; there are ${policies.map(({ name }) => name).join(', ')}.`,
    )
  if (found.kind === 'concurrent')
    throw new UsageError(
      `"${policy}" counts requests in progress, in each process: there is nothing to reset.`,
    )
  if (found.kind === 'rate' && !isShared(sources))
    throw new UsageError(`${inMemory}, so "${policy}" was not reset: wait, or restart the processes.`)
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
function limitSources(): LimitSources & { readonly isOff: boolean } {
  const config = configOf('gateway', settingsFor(['gateway']))
  return {
    isOff: config.RATE_LIMIT === 'off',
    url: String(config.RATE_LIMIT_URL),
    quotaUrl: String(config.RATE_LIMIT_QUOTA_URL),
    text: String(config.RATE_LIMIT_POLICIES),
    file: String(config.RATE_LIMIT_FILE),
  }
}
