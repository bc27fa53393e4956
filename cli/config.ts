import { describeConfig, readSettings } from '@quintet/chassis/config'
import { serviceNames } from '@quintet/contracts/topology'
import { services } from '../topology.ts'
import { checkSettings } from './services.ts'
import { UsageError } from './usage-error.ts'

export const configUsage =
  '  quintet config                            print the effective settings, and the source of each\n'

/** `quintet config`: prints every setting with its effective value and its source, and then what is wrong with them. */
export async function config(words: readonly string[]): Promise<void> {
  if (words.length > 0) throw new UsageError('quintet config has no arguments.')
  const settings = readSettings(process.env)
  const described = serviceNames.flatMap((name) => describeConfig(services[name].settings, settings))
  const unique = [...new Map(described.map((setting) => [setting.name, setting])).values()]
  const rows = unique.map(({ name, value, source, isValid, description }) => [
    name,
    value,
    isValid ? source : `${source}, INVALID`,
    description,
  ])
  process.stdout.write(aligned(rows))
  checkSettings(serviceNames, settings)
}

/** Lines of columns; the last one has its own width in each. */
function aligned(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? []
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('')
}
