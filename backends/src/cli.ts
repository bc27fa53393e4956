import { parseArgs } from 'node:util'
import { bringUp, stateOf, takeDown, wayHere } from './backends.ts'
import type { State } from './backends.ts'
import type { Engine } from './engine.ts'
import { engineNames } from './engine.ts'
import { engines } from './engines.ts'
import { environmentLines, urlOf } from './environment.ts'

const usage = `npm run backends -- …: the engines that the services can run on, on this machine

  up [name…]       start these, or all: by Docker where it answers, else natively on Debian
  up --native      natively, whether Docker answers or not
  status [name…]   say which ones answer
  down [name…]     stop these, or all, as far as they were started here; what they store stays
  down --remove    and remove what they store
  env              print their URLs and the settings that use them: eval "$(npm run --silent backends -- env)"

Engines: ${engineNames.join(', ')}
`

const nameWidth = Math.max(...engineNames.map((name) => name.length))

class UsageError extends Error {}

const commands: Readonly<Record<string, (named: readonly Engine[], options: Options) => Promise<boolean>>> = {
  up,
  status,
  down,
  env,
  help: async () => print(usage),
}

type Options = { readonly native: boolean; readonly remove: boolean }

// Leaving this way lets go of what is held only for a moment, such as the lock.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

try {
  const { positionals, values } = parse()
  const [command = 'help', ...names] = positionals
  const run = values.help ? commands.help : commands[command]
  if (run === undefined) throw new UsageError(`"${command}" is not a command.\n\n${usage}`)
  if (!(await run(enginesFrom(names), { native: values.native, remove: values.remove }))) process.exitCode = 1
} catch (error) {
  if (!(error instanceof Error)) throw error
  process.stderr.write(`${error instanceof UsageError ? error.message : `It failed: ${error.message}`}\n`)
  process.exitCode = 1
}

function parse() {
  try {
    const help = { type: 'boolean', short: 'h', default: false } as const
    const native = { type: 'boolean', default: false } as const
    const remove = { type: 'boolean', default: false } as const
    return parseArgs({ allowPositionals: true, options: { help, native, remove } })
  } catch (error) {
    throw new UsageError(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`)
  }
}

async function up(named: readonly Engine[], { native }: Options): Promise<boolean> {
  let allUp = true
  await bringUp(named, native ? 'native' : await wayHere(), (engine, state) => {
    allUp &&= state.answers
    print(entry(engine, state))
  })
  return allUp
}

async function status(named: readonly Engine[]): Promise<boolean> {
  const states = await Promise.all(named.map(stateOf))
  print(named.map((engine, at) => entry(engine, states[at])).join(''))
  return states.every(({ answers }) => answers)
}

async function down(named: readonly Engine[], { remove }: Options): Promise<boolean> {
  const ends = await Promise.all(
    named.map((engine) =>
      takeDown(engine, remove).then(
        (stopped) => ({ engine, good: true, told: stopped ? 'stopped' : 'was not started here' }),
        (error: Error) => ({ engine, good: false, told: `not stopped: ${error.message}` }),
      ),
    ),
  )
  print(ends.map(({ engine, told }) => `${engine.name.padEnd(nameWidth)} ${told}\n`).join(''))
  return ends.every(({ good }) => good)
}

async function env(named: readonly Engine[]): Promise<boolean> {
  const states = await Promise.all(named.map(stateOf))
  const up = named.filter((_, at) => states[at]?.answers).map(({ name }) => name)
  return print(`${environmentLines(new Set(up)).join('\n')}\n`)
}

function entry(engine: Engine, state: State | undefined): string {
  const name = engine.name.padEnd(nameWidth)
  if (!state?.answers) return `${name} not up: ${state?.reason.replaceAll('\n', '\n  ')}\n`
  const what = {
    native: engine.native,
    docker: `${engine.title} in a container`,
    others: 'not started by this command',
  }[state.by]
  return `${name} up: ${urlOf(engine)} (${what})\n`
}

function enginesFrom(names: readonly string[]): readonly Engine[] {
  const unknown = names.filter((name) => !engineNames.some((known) => known === name))
  if (unknown.length > 0)
    throw new UsageError(`There is no engine ${unknown.join(', ')}; there are ${engineNames.join(', ')}.`)
  return Object.values(engines).filter(({ name }) => names.length === 0 || names.includes(name))
}

function print(text: string): true {
  process.stdout.write(text)
  return true
}
