import { topology, urlSetting } from '@quintet/contracts/topology'
import type { ServiceEntry } from '@quintet/contracts/topology'
import { services } from '../../topology.ts'

/**
 * The docker-compose.yml of a bundle for Elastic Beanstalk: each service in a container of its own, or all in one. The settings are properties of
 * the environment, which Beanstalk writes to `.env`; a container gets those of its own service only.
 */
export function beanstalkCompose(image: string, isSingle: boolean): string {
  const containers = isSingle ? [allInOne()] : Object.entries(topology).map(containerOf)
  return [
    '# Written by npm run bundle:beanstalk.',
    'x-service: &service',
    `  image: ${JSON.stringify(image)}`,
    '  read_only: true',
    '  tmpfs: [/tmp, /data]',
    '  cap_drop: [ALL]',
    "  security_opt: ['no-new-privileges:true']",
    '  init: true',
    '  restart: unless-stopped',
    '  stop_grace_period: 15s',
    '',
    'services:',
    // On several servers at once, one migrates and the others wait for it.
    ...container('migrate', ['migrate', 'up'], settingsOf(Object.keys(services)), {
      restart: 'on-failure:5',
    }),
    ...containers.flat(),
    '',
  ].join('\n')
}

function allInOne(): string[] {
  return container('quintet', ['start'], settingsOf(Object.keys(services)), published)
}

function containerOf([name]: [string, ServiceEntry]): string[] {
  return container(name, ['start', name], settingsOf([name]), name === 'gateway' ? published : {})
}

const published = { ports: `['\${PUBLISHED:-80}:3000']` }
const afterMigration = '{ migrate: { condition: service_completed_successfully } }'

function container(
  name: string,
  command: readonly string[],
  settings: readonly string[],
  more: Readonly<Record<string, string>>,
): string[] {
  const waits = name === 'migrate' ? {} : { depends_on: afterMigration }
  return [
    `  ${name}:`,
    '    <<: *service',
    `    command: [${command.join(', ')}]`,
    ...Object.entries({ ...waits, ...more }).map(([key, value]) => `    ${key}: ${value}`),
    '    environment:',
    `      TRUSTED_PROXIES: \${TRUSTED_PROXIES:-10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16}`,
    // Metrics and the details of health, which are not published.
    "      OPERATIONS_PORT: '9464'",
    ...(name === 'gateway' ? addresses() : []),
    ...settings.map((setting) => `      ${setting}:${setting === 'TELEMETRY_URL' ? telemetryUrl : ''}`),
  ]
}

/** A setting without a value takes from the container what the image has for it. */
const telemetryUrl = ` \${TELEMETRY_URL:-none:}`

/** What differs between machines is of the image or of this file. */
function settingsOf(names: readonly string[]): string[] {
  const ours = Object.entries(services).filter(([name]) => names.includes(name))
  const all = ours.flatMap(([, { settings }]) => Object.keys(settings.properties))
  return [...new Set(all)].filter(
    (setting) =>
      !/(_PORT|^HOST|^DATA_DIR|^TRUSTED_PROXIES)$/.test(setting) && !upstreamUrls.includes(setting),
  )
}

const upstreams = Object.entries(topology).filter(([name]) => name !== 'gateway')
const upstreamUrls: readonly string[] = upstreams.map(([name]) => urlSetting(name))

function addresses(): string[] {
  return upstreams.map(([name, { port }]) => `      ${urlSetting(name)}: http://${name}:${port}`)
}
