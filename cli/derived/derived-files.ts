import { portSetting, systemDescription, urlSetting } from '@quintet/contracts/topology'
import type { ServiceEntry, Topology } from '@quintet/contracts/topology'
import { composeTargets, machineTargets, observedServices } from '../observability/targets.ts'
import { composeFile, developmentFile } from './compose-file.ts'
import {
  autoscalerFile,
  deploymentFile,
  disruptionBudgetFile,
  exampleOfSecrets,
  madeSecrets,
  migrationFile,
  serviceFile,
} from './kubernetes-files.ts'
import { insertBefore, replaceLines } from './lines.ts'
import { networkPolicyFile } from './network-policy-file.ts'
import { setTableRows } from './table-rows.ts'

/** A file that is derived from the topology, in part or as a whole. */
type DerivedFile = {
  readonly file: string
  /** The derived content, for the title of its test. */
  readonly has: string
  /** Returns the updated text; the same text if it is up to date. */
  update(text: string, topology: Topology): string
}

const observability = 'deploy/observability'

export const derivedFiles: readonly DerivedFile[] = [
  { file: '.env', has: 'the port of each service', update: dotEnv },
  { file: 'package.json', has: 'a description that names each service', update: packageDescription },
  { file: 'README.md', has: 'each service in its first sentence', update: firstSentence },
  { file: 'README.md', has: 'the line that each service prints at the start', update: startLines },
  { file: 'README.md', has: 'each service in its diagram', update: diagram },
  { file: 'README.md', has: 'a row for each service', update: serviceTable },
  { file: 'services/gateway/README.md', has: 'the paths of each service', update: gatewayPaths },
  { file: 'services/gateway/README.md', has: 'the settings for each service', update: gatewaySettings },
  { file: 'docs/operating.md', has: 'a row for each database', update: databaseTable },
  { file: 'clients/postman/local.postman_environment.json', has: 'each address', update: postmanAddresses },
  { file: 'clients/postman/quintet.postman_collection.json', has: 'each service in /health', update: health },
  { file: 'backends/src/environment.ts', has: 'an engine for each database', update: backendDatabases },
  { file: 'ecosystem.config.cjs', has: 'a process of PM2 for each service', update: pm2Services },
  { file: 'deploy/Dockerfile', has: 'the package.json of each service', update: dockerfile },
  { file: 'compose.yaml', has: 'a container for each service', update: composeFile },
  { file: 'deploy/development.yaml', has: 'the port of each service', update: developmentFile },
  { file: `${observability}/targets/services.yml`, has: 'a target for each service', update: machineTargets },
  {
    file: `${observability}/targets-compose/services.yml`,
    has: 'a target for each service',
    update: composeTargets,
  },
  {
    file: `${observability}/compose.observability.yaml`,
    has: 'the settings of each service',
    update: observedServices,
  },
  {
    file: 'deploy/kubernetes/overlays/local/make-secrets.mjs',
    has: 'the URL of each database',
    update: madeSecrets,
  },
  {
    file: 'deploy/kubernetes/overlays/ec2/secrets.env.example',
    has: 'the URL of each database',
    update: exampleOfSecrets,
  },
  ...[
    { file: 'base/deployment.yaml', has: 'a Deployment for each service', make: deploymentFile },
    { file: 'base/service.yaml', has: 'a Service for each service', make: serviceFile },
    { file: 'base/migrate.yaml', has: 'the URL of each database', make: migrationFile },
    { file: 'base/disruption-budget.yaml', has: 'a budget for each service', make: disruptionBudgetFile },
    { file: 'base/network-policy.yaml', has: 'a policy for each service', make: networkPolicyFile },
    { file: 'overlays/ec2/autoscaler.yaml', has: 'an autoscaler for each service', make: autoscalerFile },
  ].map(({ file, has, make }) => ({
    file: `deploy/kubernetes/${file}`,
    has,
    update: (_text: string, topology: Topology) => make(topology),
  })),
]

/** The updated text of each derived file that is out of date, by its name. */
export function outdatedFiles(topology: Topology, read: (file: string) => string): Map<string, string> {
  const texts = new Map<string, string>()
  for (const { file, update } of derivedFiles)
    texts.set(file, update(texts.get(file) ?? read(file), topology))
  return new Map([...texts].filter(([file, text]) => text !== read(file)))
}

type Named = readonly [name: string, entry: ServiceEntry]

const isGateway = ([name]: Named) => name === 'gateway'
const upstreamsOf = (topology: Topology) => Object.entries(topology).filter((named) => !isGateway(named))
const gatewayFirst = (topology: Topology) => [
  ...Object.entries(topology).filter(isGateway),
  ...upstreamsOf(topology),
]
const descriptionOf = (topology: Topology) =>
  systemDescription(upstreamsOf(topology).map(([, { title }]) => title))

function dotEnv(text: string, topology: Topology): string {
  const lines = gatewayFirst(topology).map(([name, { port }]) => `${portSetting(name)}=${port}`)
  return replaceLines(text, /^[A-Z0-9]+_PORT=/, lines)
}

function packageDescription(text: string, topology: Topology): string {
  const description = descriptionOf(topology).replace(/\.$/, ', whose promises hold under faults.')
  return replaceLines(text, /^ {2}"description": /, [`  "description": ${JSON.stringify(description)},`])
}

function firstSentence(text: string, topology: Topology): string {
  return replaceLines(text, / behind one gateway\.$/, [descriptionOf(topology)])
}

function startLines(text: string, topology: Topology): string {
  const lines = Object.entries(topology).map(([name, { port, storage }]) => {
    const address = `http://127.0.0.1:${port}`
    const places = [
      storage.database && `sqlite:data/${name}.db`,
      storage.queue && 'sqlite:data/queue.db',
      storage.cache && 'memory:',
    ].filter((place) => place !== undefined)
    const on = places.length > 0 ? `   on ${places.join(', ')}` : ''
    return `${name.padEnd(12)} ${address.padEnd(24)} docs ${address}/docs${on}`
  })
  return replaceLines(text, /^\w+ +http:\/\/127\.0\.0\.1:\d+ +docs /, lines)
}

function diagram(text: string, topology: Topology): string {
  const upstreams = upstreamsOf(topology)
  const names = (which: readonly Named[]) => which.map(([name]) => name).join(' & ')
  const cached = upstreams.filter(([, { storage }]) => storage.cache !== undefined)
  const steps: [RegExp, string][] = [
    [/^ {2}gateway -- HTTP --> /, `  gateway -- HTTP --> ${names(upstreams)}`],
    [/ --> database\[/, `  ${names(upstreams)} --> database[(SQLite)]`],
    [/ -\.- cache\[/, `  ${names(cached)} -.- cache[(cache)]`],
  ]
  return steps.reduce((changed, [pattern, line]) => replaceLines(changed, pattern, [line]), text)
}

function serviceTable(text: string, topology: Topology): string {
  const rows = gatewayFirst(topology).map(([name, { port, summary }]) => [
    name,
    `${port}`,
    summary,
    `[services/${name}](services/${name}/README.md)`,
  ])
  return setTableRows(text, ['service', 'port', 'what it does', 'more'], rows)
}

function gatewayPaths(text: string, topology: Topology): string {
  const rows = upstreamsOf(topology).map(([name, { paths }]) => {
    const renamed = Object.entries(paths).flatMap(([path, there]) => (path === there ? [] : [`\`${there}\``]))
    const publicPaths = Object.keys(paths).map((path) => `\`${path}\``)
    return [publicPaths.join(', '), renamed.length > 0 ? `${name}, as ${renamed.join(', ')}` : name]
  })
  return setTableRows(text, ['path, with all below it', 'goes to'], rows)
}

function gatewaySettings(text: string, topology: Topology): string {
  const upstreams = upstreamsOf(topology)
  const urls = upstreams.map(([name]) => [
    `\`${urlSetting(name)}\``,
    `\`http://127.0.0.1:{${portSetting(name)}}\``,
    `where ${name} is`,
  ])
  const ports = upstreams.map(([name, { port }]) => [
    `\`${portSetting(name)}\``,
    `${port}`,
    'used in the default above',
  ])
  return setTableRows(text, ['setting', 'default'], [...urls, ...ports])
}

/** The engines of the databases differ, so an existing row stays as it is. */
function databaseTable(text: string, topology: Topology): string {
  const missing = upstreamsOf(topology).filter(
    ([, { storage }]) => !text.includes(`| \`${storage.database}\``),
  )
  const rows = missing.map(
    ([name, { storage, engines, databaseName }]) =>
      `| \`${storage.database}\` | \`sqlite:data/${name}.db\` | \`${engines[1]}://…/${databaseName}\` | |`,
  )
  return insertBefore(text, /^\| `CACHE_URL`/, rows)
}

function postmanAddresses(text: string, topology: Topology): string {
  const environment: { values: { key: string }[] } = JSON.parse(text)
  const addresses = gatewayFirst(topology).map(([name, { port }]) => ({
    key: name,
    value: `http://127.0.0.1:${port}`,
    type: 'default',
    enabled: true,
  }))
  const others = environment.values.filter(({ key }) => !(key in topology))
  return `${JSON.stringify({ ...environment, values: [...addresses, ...others] }, null, 2)}\n`
}

function health(text: string, topology: Topology): string {
  const names = upstreamsOf(topology).map(([name]) => `'${name}'`)
  const [members = '', ...others] =
    text.match(/(?<=\(\)\.services\)\)\.to\.have\.members\()\[[^[\]]*\]/g) ?? []
  if (members === '' || others.length > 0)
    throw new Error('Not exactly one assertion has the services of /health.')
  return text.replace(members, `[${names.join(', ')}]`)
}

function backendDatabases(text: string, topology: Topology): string {
  const lines = upstreamsOf(topology).map(
    ([, { storage, engines, databaseName }]) =>
      `  { setting: '${storage.database}', engine: '${engines[1]}', path: '${databaseName}' },`,
  )
  return replaceLines(text, /^ {2}\{ setting: '[A-Z0-9]+_DATABASE_URL', /, lines)
}

function pm2Services(text: string, topology: Topology): string {
  const line = `const services = '${Object.keys(topology).join(' ')}'.split(' ')`
  return replaceLines(text, /^const services = '/, [line])
}

function dockerfile(text: string, topology: Topology): string {
  const lines = Object.keys(topology).map((name) => `COPY services/${name}/package.json services/${name}/`)
  return replaceLines(text, /^COPY services\/\w+\/package\.json /, lines)
}
