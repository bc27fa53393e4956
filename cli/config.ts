import { describeConfig, readSettings } from '@quintet/chassis/config'
import type { Settings } from '@quintet/chassis/config'
import { serviceNames } from '@quintet/contracts/topology'
import type { ServiceName } from '@quintet/contracts/topology'
import { services } from '../topology.ts'
import { aligned } from './aligned.ts'
import { settingsFaults, throwFaults } from './services.ts'
import { requireNoArguments } from './usage-error.ts'

export const configUsage =
  '  quintet config                            print the effective settings, and the source of each\n'

/** `quintet config`: prints every setting with its effective value and its source, and then what is wrong with them. */
export async function config(words: readonly string[]): Promise<void> {
  requireNoArguments('config', words)
  const settings = readSettings(process.env)
  process.stdout.write(aligned(rowsOf(settings)))
  throwFaults(settingsFaults(serviceNames, settings))
}

/** A row for each setting, or for each of its values where services have different defaults. */
function rowsOf(settings: Settings): string[][] {
  const described = serviceNames.flatMap((service) =>
    describeConfig(services[service].settings, settings).map((setting) => ({ service, ...setting })),
  )
  return [...Map.groupBy(described, ({ name }) => name).values()].flatMap((same) => {
    const values = [...Map.groupBy(same, ({ value }) => value).values()]
    return values.map((users) => rowOf(users, values.length > 1))
  })
}

type Described = ReturnType<typeof describeConfig>[number] & { readonly service: ServiceName }

function rowOf(users: readonly Described[], isDivided: boolean): string[] {
  const [first] = users
  if (first === undefined) return []
  const { name, value, source, isValid, description } = first
  const of = isDivided ? `${users.map(({ service }) => service).join(', ')}: ` : ''
  return [name, value, isValid ? source : `${source}, INVALID`, of + description]
}
