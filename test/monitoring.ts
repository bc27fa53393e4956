import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createServer as createSocketServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { dataFolder, root, run } from './system/processes.ts'

/** Prometheus and Alertmanager with the files of deploy/observability, in seconds where those have minutes, on free ports. */
type Monitoring = {
  /** The data of a call of the API of Prometheus. */
  api<Data>(path: string, parameters?: Readonly<Record<string, string>>): Promise<Data>
  /** The samples of an expression. */
  query(expr: string): Promise<readonly Sample[]>
}

export type Sample = {
  readonly metric: Readonly<Record<string, string>>
  readonly value: readonly [number, string]
}

export async function startMonitoring(
  t: TestContext,
  addresses: Readonly<Record<string, string>>,
  webhook: string,
): Promise<Monitoring> {
  const folder = dataFolder(t)
  cpSync(join(root, 'deploy/observability'), folder, { recursive: true })
  const [prometheus, alertmanager] = [await freePort(), await freePort()]
  const targets = Object.entries(addresses).map(
    ([service, address]) => `- { labels: { service: ${service} }, targets: ['${new URL(address).host}'] }\n`,
  )
  writeFileSync(join(folder, 'targets/services.yml'), targets.join(''))
  writeFileSync(join(folder, 'targets/alertmanagers.yml'), `- { targets: ['127.0.0.1:${alertmanager}'] }\n`)
  change(join(folder, 'prometheus.yml'), [
    [/interval: 15s/g, 'interval: 2s'],
    [/scrape_timeout: 5s/, 'scrape_timeout: 2s'],
  ])
  change(join(folder, 'rules.yml'), [
    [/for: 1m\n/g, 'for: 1s\n'],
    [/interval: 2m\n/g, 'interval: 2s\n'],
  ])
  change(join(folder, 'alertmanager.yml'), [
    [/group_wait: 30s/, 'group_wait: 1s'],
    [/- name: page\n/, `- name: page\n    webhook_configs: [{ url: '${webhook}' }]\n`],
  ])
  run(
    t,
    [
      `--config.file=${folder}/alertmanager.yml`,
      `--storage.path=${folder}/alertmanager`,
      `--web.listen-address=127.0.0.1:${alertmanager}`,
      '--cluster.listen-address=',
    ],
    {},
    folder,
    'prometheus-alertmanager',
  )
  const server = run(
    t,
    [
      `--config.file=${folder}/prometheus.yml`,
      `--storage.tsdb.path=${folder}/prometheus`,
      `--web.listen-address=127.0.0.1:${prometheus}`,
      '--enable-feature=exemplar-storage',
    ],
    {},
    folder,
    'prometheus',
  )

  async function api<Data>(path: string, parameters: Readonly<Record<string, string>> = {}): Promise<Data> {
    const response = await fetch(
      `http://127.0.0.1:${prometheus}/api/v1/${path}?${new URLSearchParams(parameters)}`,
    )
    const text = await response.text()
    const { status, data }: { status: string; data: Data } = JSON.parse(text)
    if (status !== 'success') throw new Error(`${path} ${JSON.stringify(parameters)}: ${text}`)
    return data
  }

  await eventually(async () => {
    if (server.child.exitCode !== null) throw new Error(server.output())
    return (await fetch(`http://127.0.0.1:${prometheus}/-/ready`).catch(() => undefined))?.ok === true
  })
  return {
    api,
    query: async (expr) => (await api<{ result: readonly Sample[] }>('query', { query: expr })).result,
  }
}

/** Waits until a condition holds, for at most a minute. */
export async function eventually(condition: () => Promise<boolean>, what = String(condition)): Promise<void> {
  const giveUpAt = performance.now() + 60_000
  while (!(await condition())) {
    if (performance.now() > giveUpAt) throw new Error(`It never came to pass: ${what}`)
    await pause(200)
  }
}

/** An address to which programs post JSON, and what they have posted. */
export async function receiver(t: TestContext): Promise<{ url: string; received: readonly unknown[] }> {
  const received: unknown[] = []
  const server = createServer((request, response) => {
    let text = ''
    request.on('data', (chunk) => {
      text += chunk
    })
    request.on('end', () => {
      received.push(JSON.parse(text))
      response.end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, received }
}

/** Replaces parts of a file, each of which must be there. */
function change(file: string, replacements: readonly (readonly [RegExp, string])[]): void {
  let text = readFileSync(file, 'utf8')
  for (const [pattern, replacement] of replacements) {
    if (text.search(pattern) < 0) throw new Error(`${file} has no ${pattern}.`)
    text = text.replace(pattern, replacement)
  }
  writeFileSync(file, text)
}

async function freePort(): Promise<number> {
  const server = createSocketServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
