import { urlSetting } from '@quintet/contracts/topology'
import type { ServiceEntry, Topology } from '@quintet/contracts/topology'
import { insertBefore, replaceLines } from './lines.ts'

const published = /^ {6}- 127\.0\.0\.1:\d+:\d+ # \w+$/

/** Adds missing services to the Compose file; of existing ones only what is published is changed. */
export function composeFile(text: string, topology: Topology): string {
  const upstreams = Object.entries(topology).filter(([name]) => name !== 'gateway')
  const addresses = upstreams.map(([name, { port }]) => `      ${urlSetting(name)}: http://${name}:${port}`)
  const forwarded = upstreams.map(([name, { port }]) => `      - ${port}:${name}:${port}`)
  const steps: [RegExp, string[]][] = [
    [/^ {6}[A-Z0-9]+_URL: http:/, addresses],
    [/^ {6}- \d+:[a-z]\w*:\d+$/, forwarded],
    [published, upstreams.map(publishedPort)],
  ]
  return upstreams.reduce(
    (changed, [name, entry]) => withContainer(withDatabase(changed, entry), name),
    steps.reduce((changed, [pattern, lines]) => replaceLines(changed, pattern, lines), text),
  )
}

/** Publishes the port of each service in the Compose file for development. */
export function developmentFile(text: string, topology: Topology): string {
  return replaceLines(text, published, Object.entries(topology).map(publishedPort))
}

function publishedPort([name, { port }]: [string, ServiceEntry]): string {
  return `      - 127.0.0.1:${port}:${port} # ${name}`
}

/** Adds the URL of a missing database, on the PostgreSQL of this file. */
function withDatabase(text: string, { storage, databaseName }: ServiceEntry): string {
  const file = storage.database?.toLowerCase()
  if (file === undefined || text.includes(`\n  ${storage.database}`)) return text
  const setting = `  ${storage.database}_FILE: /run/secrets/databases/${file}`
  const url = `postgres://quintet:{POSTGRES_PASSWORD}@postgres:5432/${databaseName}`
  return insertBefore(insertBefore(text, /^ {2}EVENTS_URL: /, [setting]), /^ {6}- queue\/queue_url=/, [
    `      - databases/${file}=${url}`,
  ])
}

function withContainer(text: string, name: string): string {
  if (text.includes(`\n  ${name}:\n`)) return text
  return insertBefore(text, /^ {2}gateway:$/, [
    `  ${name}:`,
    '    <<: *service',
    `    command: [start, ${name}]`,
    '    environment: *settings',
    '    depends_on: *migrated',
    '',
  ])
}
