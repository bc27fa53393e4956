import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { execute, locate } from './commands.ts'
import { toolsFolder } from './places.ts'

const sources = new URL('compose/', import.meta.url).pathname
const builtWithinMs = 600_000
const readWithinMs = 30_000

/** What of a Compose file is looked at. */
export type Compose = { readonly services: Readonly<Record<string, ComposeService>> }
export type ComposeService = {
  readonly image?: string
  readonly healthcheck?: { readonly disable?: boolean }
  readonly ports?: readonly { readonly host_ip?: string; readonly published?: string }[]
  readonly volumes?: readonly { readonly type: string; readonly source?: string }[]
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>
}

/** Reads a Compose file as Docker does, or throws what is wrong with it. Variables that it demands get a value. */
export async function readCompose(file: string): Promise<Compose> {
  const demanded = [...readFileSync(file, 'utf8').matchAll(/\$\{(\w+):?\?/g)].map(([, name = '']) => name)
  const env = Object.fromEntries(demanded.map((name) => [name, 'demanded']))
  const [command, ...args] = (await dockerReads()) ? byDocker(file) : [await buildReader(), file]
  return JSON.parse(await execute(command, args, { env, timeoutMs: readWithinMs }))
}

/** What Docker would take and a user would regret: a sentence each. */
export function faultsOf({ services }: Compose): string[] {
  return Object.entries(services).flatMap(([name, service]) => [
    ...imageFaults(service).map((fault) => `${name}: ${fault}`),
    ...portFaults(service).map((fault) => `${name}: ${fault}`),
    ...mountFaults(service).map((fault) => `${name}: ${fault}`),
    ...dependencyFaults(service, services).map((fault) => `${name}: ${fault}`),
  ])
}

/** Docker's plugin reads files without its engine, but need not be here either. */
function dockerReads(): Promise<boolean> {
  return execute('docker', ['compose', 'version'], { timeoutMs: readWithinMs }).then(
    () => true,
    () => false,
  )
}

function byDocker(file: string): [string, ...string[]] {
  return ['docker', 'compose', '--file', file, 'config', '--format', 'json']
}

/** The library that the plugin reads them with; the plugin itself is far more to build. Go keeps what it has built. */
async function buildReader(): Promise<string> {
  const program = join(toolsFolder(), 'compose')
  mkdirSync(toolsFolder(), { recursive: true })
  await execute(locate('go'), ['build', '-trimpath', '-o', program, '.'], {
    cwd: sources,
    timeoutMs: builtWithinMs,
  })
  return program
}

function imageFaults({ image }: ComposeService): string[] {
  const built = image?.startsWith('quintet:') ?? true
  return built || /:\d+\.\d+[\w.-]*$/.test(image ?? '') ? [] : [`${image} is not pinned to a version`]
}

function portFaults({ ports = [] }: ComposeService): string[] {
  return ports
    .filter(({ host_ip }) => host_ip !== '127.0.0.1')
    .map(({ published }) => `port ${published} is published beyond loopback`)
}

function mountFaults({ volumes = [] }: ComposeService): string[] {
  return volumes
    .filter(({ type, source = '' }) => type === 'bind' && !existsSync(source))
    .map(({ source }) => `${source} is mounted and does not exist`)
}

function dependencyFaults({ depends_on = {} }: ComposeService, services: Compose['services']): string[] {
  return Object.entries(depends_on)
    .filter(([, { condition }]) => condition === 'service_healthy')
    .map(([name]) => name)
    .filter((name) => services[name]?.healthcheck === undefined || services[name]?.healthcheck?.disable)
    .map((name) => `${name} should be healthy first, and has no health check`)
}
