import { startEngines, stateOf, shutDownEngine, defaultRuntime } from './backends.ts'
import type { State } from './backends.ts'
import { parseCommandLine, runProgram, UsageError } from './command-line.ts'
import type { Engine } from './engine.ts'
import { engineNames } from './engine.ts'
import { engines } from './engines.ts'
import { environmentLines, urlOf } from './environment.ts'

const usage = `Usage: npm run backends -- <command> [name…]: real engines for the services, on this machine

  up [name…]       start these engines, or all: by Docker if it runs, otherwise from Debian packages
  up --native      start them from Debian packages even if Docker runs
  status [name…]   print which engines respond
  down [name…]     stop these engines, or all, if \`up\` has started them; their data stays
  down --remove    and delete their data
  env [name…]      print the URLs of these engines, or all, and the settings that use them, and fail unless they are up:
                   eval "$(npm run --silent backends -- env)"

Engines: ${engineNames.join(', ')}
`

const nameWidth = Math.max(...engineNames.map((name) => name.length))

const commands: Readonly<Record<string, (named: readonly Engine[], options: Options) => Promise<boolean>>> = {
  up,
  status,
  down,
  env,
  help: async () => print(usage),
}

type Options = { readonly native: boolean; readonly remove: boolean }

// An exit runs the exit handlers, which release the lock; a signal alone does not.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

await runProgram(usage, async (args) => {
  const flag = { type: 'boolean', default: false } as const
  const options = { native: flag, remove: flag }
  const { positionals, values } = parseCommandLine({ args: [...args], options, allowPositionals: true })
  const [command = 'help', ...names] = positionals
  const run = Object.hasOwn(commands, command) ? commands[command] : undefined
  if (run === undefined) throw new UsageError(`"${command}" is not a command.`)
  return run(enginesFrom(names), values)
})

async function up(named: readonly Engine[], { native }: Options): Promise<boolean> {
  let allUp = true
  await startEngines(named, native ? 'native' : await defaultRuntime(), (engine, state) => {
    allUp &&= state.isUp
    print(statusLine(engine, state))
  })
  return allUp
}

async function status(named: readonly Engine[]): Promise<boolean> {
  const states = await Promise.all(named.map(stateOf))
  print(named.map((engine, i) => statusLine(engine, states[i])).join(''))
  return states.every(({ isUp }) => isUp)
}

async function down(named: readonly Engine[], { remove }: Options): Promise<boolean> {
  const results = await Promise.all(
    named.map((engine) =>
      shutDownEngine(engine, remove).then(
        (stopped) => ({ engine, ok: true, result: stopped ? 'stopped' : 'was not started by this command' }),
        (error: Error) => ({ engine, ok: false, result: `not stopped: ${error.message}` }),
      ),
    ),
  )
  print(results.map(({ engine, result }) => `${engine.name.padEnd(nameWidth)} ${result}\n`).join(''))
  return results.every(({ ok }) => ok)
}

async function env(named: readonly Engine[]): Promise<boolean> {
  const states = await Promise.all(named.map(stateOf))
  const up = named.filter((_, i) => states[i]?.isUp).map(({ name }) => name)
  print(`${environmentLines(new Set(up), named).join('\n')}\n`)
  return up.length === named.length
}

function statusLine(engine: Engine, state: State | undefined): string {
  const name = engine.name.padEnd(nameWidth)
  if (!state?.isUp) return `${name} not up: ${state?.reason.replaceAll('\n', '\n  ')}\n`
  const description = {
    native: engine.native,
    docker: `${engine.title} in a container`,
    external: 'not started by this command',
  }[state.runtime]
  return `${name} up: ${urlOf(engine)} (${description})\n`
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
