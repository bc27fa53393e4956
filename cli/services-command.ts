import { printable } from '@quintet/chassis/queue'
import { serviceNames } from '@quintet/contracts/topology'
import type { ServiceName } from '@quintet/contracts/topology'
import { aligned } from './aligned.ts'
import { consoleClient } from './console-client.ts'
import type { CallConsole } from './console-client.ts'
import { servicesFrom } from './services.ts'
import { parseArguments, requireNoArguments, unknownAction, UsageError } from './usage-error.ts'

export const servicesUsage = `
  quintet services list                     print the state of each service, as the console sees it; [--json] for programs
  quintet services start|stop|restart [service…]  start, stop or restart services in the process of the console; all when none is named; [--json]
`

export const servicesOptions = { json: { type: 'boolean', default: false } } as const

const actions = ['start', 'stop', 'restart'] as const
type Action = (typeof actions)[number]

/** `quintet services`: shows, starts and stops services by the API of the console. */
export async function servicesCommand([action, ...words]: readonly string[]): Promise<void> {
  const known = actions.find((one) => one === action)
  if (action !== 'list' && known === undefined) throw unknownAction('services', action, ['list', ...actions])
  const config = { args: [...words], options: servicesOptions, allowPositionals: true }
  const { values, positionals } = parseArguments(config)
  if (known !== undefined) return act(known, servicesFrom(positionals), values.json)
  requireNoArguments('services list', positionals)
  return list(values.json)
}

type Summary = {
  readonly name: string
  readonly state: string
  readonly since: number
  readonly url: string
  readonly isHere: boolean
  readonly fault: string
}

async function list(isJson: boolean): Promise<void> {
  const { data }: { data: readonly Summary[] } = Object(await consoleClient()('GET', '/api/services'))
  if (isJson) {
    for (const service of data) process.stdout.write(`${JSON.stringify(service)}\n`)
    return
  }
  const rows = data.map(({ name, state, since, url, isHere, fault }) => [
    name,
    state,
    `since ${new Date(since).toISOString().replace(/\.\d+Z$/, 'Z')}`,
    url,
    isHere ? '' : 'in another process',
    printable(fault),
  ])
  process.stdout.write(aligned(rows))
}

/** One after the other: the gateway stops first and starts last. The command goes on after one that fails, and fails at the end. */
async function act(action: Action, wanted: readonly ServiceName[], isJson: boolean): Promise<void> {
  const call = consoleClient()
  const inOrder = serviceNames.filter((name) => wanted.includes(name))
  const faults: string[] = []
  for (const name of action === 'stop' ? inOrder.toReversed() : inOrder) {
    try {
      process.stdout.write(await outcomeOf(call, action, name, isJson))
    } catch (error) {
      if (!(error instanceof UsageError)) throw error
      faults.push(error.message)
    }
  }
  if (faults.length > 0) throw new UsageError([...new Set(faults)].join('\n'))
}

async function outcomeOf(
  call: CallConsole,
  action: Action,
  name: ServiceName,
  isJson: boolean,
): Promise<string> {
  const service = await call('POST', `/api/services/${name}/${action}`)
  if (isJson) return `${JSON.stringify(service)}\n`
  const { state, fault }: Summary = Object(service)
  return `${name} is ${state}${fault === '' ? '' : `: ${printable(fault)}`}${action === 'restart' ? ', started again' : ''}\n`
}
