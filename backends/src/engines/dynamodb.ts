import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execute, locate } from '../commands.ts'
import type { Engine, Place } from '../engine.ts'
import type { Program } from '../processes.ts'

const sources = new URL('moto/', import.meta.url).pathname
const installTimeoutMs = 600_000
const responseTimeoutMs = 3000

export const dynamodb: Engine = {
  name: 'dynamodb',
  title: 'DynamoDB',
  native: "moto's server from PyPI, a stand-in for DynamoDB: in memory, so empty after a restart",
  ports: [18000],
  missingPackages: () => (existsSync('/usr/bin/python3') ? [] : ['python3', 'python3-venv']),
  install,
  prepare: async ({ folder }) => {
    mkdirSync(folder, { recursive: true })
  },
  programs: (place) => [server(place)],
  url: (port) => `dynamodb://local:local@127.0.0.1:${port}/quintet?region=us-east-1&tls=false`,
  ping: pingDynamodb,
}

async function install(tools: string): Promise<void> {
  const requirements = join(sources, 'requirements.txt')
  const environment = join(tools, 'moto')
  const installed = join(environment, 'installed')
  const required = readFileSync(requirements, 'utf8')
  if (existsSync(installed) && readFileSync(installed, 'utf8') === required) return
  const options = { timeoutMs: installTimeoutMs }
  await execute(locate('python3'), ['-m', 'venv', '--clear', environment], options)
  await execute(
    join(environment, 'bin', 'pip'),
    ['install', '--quiet', '--no-compile', '-r', requirements],
    options,
  )
  writeFileSync(installed, required)
}

function server({ tools, ports: [port] }: Place): Program {
  return {
    name: 'moto',
    command: join(tools, 'moto', 'bin', 'python'),
    args: [join(sources, 'server.py'), String(port)],
    ready: () => pingDynamodb(new URL(dynamodb.url(port))),
  }
}

/** DynamoDB rejects the invalid signature, which shows that it is one, too. */
async function pingDynamodb(url: URL): Promise<void> {
  const address = `${url.searchParams.get('tls') === 'false' ? 'http' : 'https'}://${url.host}/`
  const response = await fetch(address, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-amz-json-1.0',
      'x-amz-target': 'DynamoDB_20120810.ListTables',
      authorization: 'AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/dynamodb/aws4_request',
    },
    body: '{}',
    signal: AbortSignal.timeout(responseTimeoutMs),
  }).catch((error: Error) => {
    throw new Error(`${url.host} does not respond: ${String(error.cause ?? error.message)}`)
  })
  const text = await response.text()
  if (!/"(TableNames|__type)"/.test(text))
    throw new Error(`${url.host} sends something else (${response.status})`)
}
