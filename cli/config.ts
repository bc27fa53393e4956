import { describeConfig, readSettings } from '@quintet/chassis/config'
import { serviceNames } from '@quintet/contracts/topology'
import { services } from '../topology.ts'
import { checkSettings } from './services.ts'

/** `quintet config`: prints every setting with its effective value and its source. */
export async function config(): Promise<void> {
  const settings = readSettings(process.env)
  const described = serviceNames.flatMap((name) => describeConfig(services[name].settings, settings))
  const unique = [...new Map(described.map((setting) => [setting.name, setting])).values()]
  const width = Math.max(...unique.map(({ name }) => name.length))
  const valueWidth = Math.max(...unique.map(({ value }) => value.length))
  for (const { name, value, source, description } of unique)
    process.stdout.write(
      `${name.padEnd(width)}  ${value.padEnd(valueWidth)}  ${source.padEnd(11)}  ${description}\n`,
    )
  checkSettings(serviceNames, settings)
}
