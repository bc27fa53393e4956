import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { execute, locate } from './commands.ts'
import { toolsFolder } from './places.ts'

const sources = new URL('compose/', import.meta.url).pathname
const buildTimeoutMs = 600_000
const readTimeoutMs = 30_000

/** The part of a Compose file that is checked. */
type Compose = { readonly services: Readonly<Record<string, ComposeService>> }
type ComposeService = {
  readonly image?: string
  readonly healthcheck?: { readonly disable?: boolean }
  readonly ports?: readonly { readonly host_ip?: string; readonly published?: string }[]
  readonly volumes?: readonly { readonly type: string; readonly source?: string }[]
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>
}

/** Parses a Compose file, or several with colons between them, as Docker does with all profiles, and throws its faults. */
export async function readCompose(names: string): Promise<Compose> {
  const files = names.split(':')
  // A file that cannot be read is the clearest fault.
  for (const file of files) readFileSync(file)
  const [command, ...args] = (await hasComposePlugin())
    ? dockerCommand(files)
    : [await buildParser(), ...files]
  return JSON.parse(await execute(command, args, { timeoutMs: readTimeoutMs }))
}

/** Faults that Docker accepts, each as a sentence. */
export function faultsOf({ services }: Compose): string[] {
  return Object.entries(services).flatMap(([name, service]) => [
    ...imageFaults(service).map((fault) => `${name}: ${fault}`),
    ...portFaults(service).map((fault) => `${name}: ${fault}`),
    ...mountFaults(service).map((fault) => `${name}: ${fault}`),
    ...dependencyFaults(service, services).map((fault) => `${name}: ${fault}`),
  ])
}

/** The plugin parses files without a Docker daemon. */
function hasComposePlugin(): Promise<boolean> {
  return execute('docker', ['compose', 'version'], { timeoutMs: readTimeoutMs }).then(
    () => true,
    () => false,
  )
}

function dockerCommand(files: readonly string[]): [string, ...string[]] {
  return [
    'docker',
    'compose',
    ...files.flatMap((file) => ['--file', file]),
    '--profile',
    '*',
    'config',
    '--format',
    'json',
  ]
}

/** Builds a program on the parser library of the plugin, which builds much faster than the plugin. */
async function buildParser(): Promise<string> {
  const program = join(toolsFolder(), 'compose')
  mkdirSync(toolsFolder(), { recursive: true })
  await execute(locate('go'), ['build', '-trimpath', '-o', program, '.'], {
    cwd: sources,
    timeoutMs: buildTimeoutMs,
  })
  return program
}

function imageFaults({ image }: ComposeService): string[] {
  const built = /^quintet(-test)?:/.test(image ?? 'quintet:')
  return built || /:v?\d+\.\d[\w.-]*$/.test(image ?? '') ? [] : [`${image} is not pinned to a version`]
}

function portFaults({ ports = [] }: ComposeService): string[] {
  return ports
    .filter(({ host_ip }) => host_ip !== '127.0.0.1')
    .map(({ published }) => `port ${published} is published beyond loopback`)
}

/** The folder of Docker exists where these files are used, but not wherever they are checked. */
const folderOfDocker = '/var/lib/docker/'

function mountFaults({ volumes = [] }: ComposeService): string[] {
  return volumes
    .filter(
      ({ type, source = '' }) => type === 'bind' && !source.startsWith(folderOfDocker) && !existsSync(source),
    )
    .map(({ source }) => `${source} is mounted but does not exist`)
}

function dependencyFaults({ depends_on = {} }: ComposeService, services: Compose['services']): string[] {
  return Object.entries(depends_on)
    .filter(([, { condition }]) => condition === 'service_healthy')
    .map(([name]) => name)
    .filter((name) => services[name]?.healthcheck === undefined || services[name]?.healthcheck?.disable)
    .map((name) => `it waits for ${name} to be healthy, which has no health check`)
}
