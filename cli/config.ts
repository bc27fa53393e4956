import { describeConfig, readSettings } from '@quintet/chassis/config'
import type { Settings } from '@quintet/chassis/config'
import { programNames, programsToStart, schemaOf, settingsFaults, throwFaults } from './services.ts'
import type { Program } from './services.ts'
import { parseArguments, requireNoArguments } from './usage-error.ts'
import { wrapped } from './wrapped.ts'

export const configUsage =
  '  quintet config                            print the effective settings, and the source of each; [--json] for programs\n'

export const configOptions = { json: { type: 'boolean', default: false } } as const

/** `quintet config`: prints every setting with its effective value and its source, and then what is wrong with them. */
export async function config(words: readonly string[]): Promise<void> {
  const { values, positionals } = parseArguments({
    args: [...words],
    options: configOptions,
    allowPositionals: true,
  })
  requireNoArguments('config', positionals)
  const settings = readSettings(process.env)
  const width = Math.min(Math.max(process.stdout.columns ?? widthMax, widthMin), widthMax)
  for (const same of shownSettings(settings))
    for (const one of same)
      process.stdout.write(values.json ? `${JSON.stringify(one)}\n` : textOf(one, same.length > 1, width))
  throwFaults(settingsFaults(programsToStart(settings), settings))
}

type Described = ReturnType<typeof describeConfig>[number]
/** A value of a setting, and the programs that have it. */
type Shown = Described & { readonly services: readonly Program[] }

/** The values of each setting: one, or several where services have different defaults. */
function shownSettings(settings: Settings): Shown[][] {
  const described = programNames.flatMap((service) =>
    describeConfig(schemaOf(service), settings).map((setting) => ({ service, setting })),
  )
  const byValue = Map.groupBy(described, ({ setting: { name, value } }) => JSON.stringify([name, value]))
  const shown = [...byValue.values()].flatMap((users) =>
    users.slice(0, 1).map(({ setting }) => ({ ...setting, services: users.map(({ service }) => service) })),
  )
  return [...Map.groupBy(shown, ({ name }) => name).values()]
}

const [widthMin, widthMax] = [60, 100]
/** Of the names, but for the longest. */
const nameWidth = 30
const valueWidth = 30

/** The name, the value and its source, and below them the description, in lines of this width. */
function textOf(
  { name, value, source, isValid, description, services: users }: Shown,
  isDivided: boolean,
  width: number,
): string {
  const start = name.padEnd(nameWidth)
  const from = isValid ? source : `${source}, INVALID`
  const line = `${start}  ${value.padEnd(valueWidth)}  ${from}`
  const lines =
    line.length <= width
      ? [line]
      : [`${start}  ${' '.repeat(valueWidth)}  ${from}`, ...indented(value, valueIndent, width)]
  const of = isDivided ? `${users.join(', ')}: ` : ''
  return `${[...lines, ...indented(of + description, textIndent, width)].join('\n')}\n`
}

const [textIndent, valueIndent] = [4, 8]

function indented(text: string, indent: number, width: number): string[] {
  return wrapped(text, width - indent).map((part) => ' '.repeat(indent) + part)
}
