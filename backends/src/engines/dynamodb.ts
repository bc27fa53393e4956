import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execute, locate } from '../commands.ts'
import type { Engine, Place } from '../engine.ts'
import type { Program } from '../processes.ts'

const sources = new URL('moto/', import.meta.url).pathname
const installedWithinMs = 600_000
const answersWithinMs = 3000

export const dynamodb: Engine = {
  name: 'dynamodb',
  title: 'DynamoDB',
  native: "moto's server from PyPI, which stands in for DynamoDB: in memory, so a restart is empty",
  ports: [18000],
  missingPackages: () => (existsSync('/usr/bin/python3') ? [] : ['python3', 'python3-venv']),
  install,
  prepare: async ({ folder }) => {
    mkdirSync(folder, { recursive: true })
  },
  programs: (place) => [server(place)],
  url: (port) => `dynamodb://local:local@127.0.0.1:${port}/quintet?region=us-east-1&tls=false`,
  greet: greetDynamodb,
}

async function install(tools: string): Promise<void> {
  const requirements = join(sources, 'requirements.txt')
  const environment = join(tools, 'moto')
  const installed = join(environment, 'installed')
  const wanted = readFileSync(requirements, 'utf8')
  if (existsSync(installed) && readFileSync(installed, 'utf8') === wanted) return
  const options = { timeoutMs: installedWithinMs }
  await execute(locate('python3'), ['-m', 'venv', '--clear', environment], options)
  await execute(
    join(environment, 'bin', 'pip'),
    ['install', '--quiet', '--no-compile', '-r', requirements],
    options,
  )
  writeFileSync(installed, wanted)
}

function server({ tools, ports: [port] }: Place): Program {
  return {
    name: 'moto',
    command: join(tools, 'moto', 'bin', 'python'),
    args: [join(sources, 'server.py'), String(port)],
    ready: () => greetDynamodb(new URL(dynamodb.url(port))),
  }
}

/** DynamoDB itself refuses who does not sign, which is an answer too. */
async function greetDynamodb(url: URL): Promise<void> {
  const address = `${url.searchParams.get('tls') === 'false' ? 'http' : 'https'}://${url.host}/`
  const response = await fetch(address, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-amz-json-1.0',
      'x-amz-target': 'DynamoDB_20120810.ListTables',
      authorization: 'AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/dynamodb/aws4_request',
    },
    body: '{}',
    signal: AbortSignal.timeout(answersWithinMs),
  }).catch((error: Error) => {
    throw new Error(`${url.host} does not answer: ${String(error.cause ?? error.message)}`)
  })
  const text = await response.text()
  if (!/"(TableNames|__type)"/.test(text))
    throw new Error(`${url.host} answers something else (${response.status})`)
}
