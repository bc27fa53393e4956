import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { describeConfig, readSettings, readWholeNumber, settingNamesOf } from '@quintet/chassis/config'
import { serviceNames, topology } from '@quintet/contracts/topology'
import { services } from '../../topology.ts'
import { completeDerivation, runProgram } from '../derive.ts'
import { listeningAddressOf, settingsFor } from '../services.ts'
import { ArgumentError, parseArguments, unknownAction, UsageError } from '../usage-error.ts'
import { nameFaults, nextFreePort } from './name-check.ts'
import type { Nouns } from './nouns.ts'
import { nounsOf } from './nouns.ts'
import type { Plan } from './plan.ts'
import { planService } from './plan.ts'

export const makeServiceUsage = `
  quintet make service <name>               write a new, running service; [--port <port>] [--noun <singular>] [--plural <plural>]
`

const text = { type: 'string' } as const
export const makeServiceOptions = { port: text, noun: text, plural: text }

/** The smallest service, from which new ones are made. */
const model: Nouns = {
  service: 'inventory',
  singular: 'movie',
  plural: 'movies',
  port: topology.inventory.port,
}
const root = new URL('../../', import.meta.url)

/** `quintet make service`: writes a service and adds it to every list, or reports what is wrong and changes nothing. */
export async function make([what, ...words]: readonly string[]): Promise<void> {
  if (what !== 'service') throw unknownAction('make', what, ['service'])
  const taken = takenNames()
  const nouns = nounsFrom(words, taken.ports)
  const gateway = listeningAddressOf('gateway', settingsFor(['gateway']))
  const faults = nameFaults(nouns, topology, taken)
  const folder = `services/${nouns.service}`
  if (faults.length === 0 && existsSync(new URL(folder, root))) faults.push(leftoverFault(folder))
  if (faults.length > 0) throw new UsageError(faults.join('\n'))
  const plan = await planService(root, model, nouns).catch((error: Error) => {
    throw new UsageError(error.message)
  })
  write(plan, folder)
  runProgram('npx', ['biome', 'format', '--write', ...filesOf(plan).filter((file) => file.endsWith('.ts'))])
  process.stdout.write(`${[`${folder}/`, ...plan.changed.keys()].join('\n')}\n`)
  completeDerivation()
  process.stdout.write(nextSteps(nouns, gateway.port || topology.gateway.port))
}

function nounsFrom(words: readonly string[], ports: ReadonlyMap<string, number>): Nouns {
  const config = { args: [...words], options: makeServiceOptions, allowPositionals: true }
  const { positionals, values } = parseArguments(config)
  const [name, ...rest] = positionals
  if (name === undefined || rest.length > 0) throw new ArgumentError('quintet make service needs one name:')
  const port =
    values.port === undefined
      ? nextFreePort(model, topology, ports)
      : (readWholeNumber(values.port) ?? Number.NaN)
  return nounsOf(name, port, values.noun, values.plural)
}

/** The names of settings, packages and containers, and the ports of settings, which a service must not share. */
function takenNames() {
  const { workspaces }: { workspaces: string[] } = JSON.parse(read('package.json'))
  const containers = [...read('compose.yaml').matchAll(/^ {2}(\w+):$/gm)].map(([, name = '']) => name)
  const settings = serviceNames.flatMap((name) => settingNamesOf(services[name].settings))
  return { settings, names: [...workspaces, ...containers], ports: portsOfSettings() }
}

/** The ports of this machine that settings name, by themselves or in the URL of a server. */
function portsOfSettings(): Map<string, number> {
  const settings = readSettings(process.env)
  const described = serviceNames.flatMap((name) => describeConfig(services[name].settings, settings))
  const ports = described.map(({ name, value }) => [name, name.endsWith('_PORT') ? value : portIn(value)])
  return new Map(
    ports.map(([name = '', port]) => [name, Number(port)] as const).filter(([, port]) => port > 0),
  )
}

/** The port of a URL of this machine; empty where there is none. */
function portIn(url: string): string {
  const { hostname, port } = URL.parse(url) ?? { hostname: '', port: '' }
  return ['127.0.0.1', '[::1]', 'localhost'].includes(hostname) ? port : ''
}

function leftoverFault(folder: string): string {
  return `${folder} exists, but is not in the topology. If an earlier run was interrupted, remove it, and revert the changes that "git diff" shows.`
}

/** Writes all files or none, unless the process is killed meanwhile. */
function write({ created, changed }: Plan, folder: string): void {
  const before = [...changed.keys()].map((file) => [file, read(file)] as const)
  try {
    for (const [file, text] of [...created, ...changed]) {
      mkdirSync(new URL('.', new URL(file, root)), { recursive: true })
      writeFileSync(new URL(file, root), text)
    }
  } catch (error) {
    for (const [file, text] of before) writeFileSync(new URL(file, root), text)
    rmSync(new URL(folder, root), { recursive: true, force: true })
    throw error
  }
}

function nextSteps({ service, plural }: Nouns, gatewayPort: number): string {
  return `
The service ${service} has been made. Its columns are those of ${model.service}: to change them, see docs/adding-a-service.md. Next:

  npm run check
  npm start
  curl http://127.0.0.1:${gatewayPort}/api/${plural}
`
}

function filesOf({ created, changed }: Plan): string[] {
  return [...created.keys(), ...changed.keys()]
}

function read(file: string): string {
  return readFileSync(new URL(file, root), 'utf8')
}
