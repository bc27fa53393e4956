import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { compare } from '../../against/comparison.ts'
import { formatComparison, hasPassed } from '../../against/comparison-report.ts'
import type { Checkout } from '../../checkout.ts'
import type { Generator, LoadOptions } from '../../load.ts'
import { hasProc } from '../../process-tree.ts'
import { get, send } from '../../requests.ts'
import type { Row } from '../../rows.ts'

const requestsCount = 20
const rounds = 3

/** Sends a fixed number of requests, whatever the length of the load. */
const generator: Generator = {
  name: 'test',
  connections: 1,
  async run({ url, requests }: LoadOptions) {
    const startedAt = performance.now()
    let errors = 0
    for (let sent = 0; sent < requestsCount; sent++)
      await send(url, requests[0] ?? get('/')).catch(() => (errors += 1))
    const seconds = (performance.now() - startedAt) / 1_000
    return { requests: requestsCount, rps: requestsCount / seconds, p50Ms: 1, p99Ms: 1, bytes: 1, errors }
  },
}

const rowOf = (name: string, script: string, path = '/'): Row => ({
  name,
  processes: [{ script, ports: ['PORT'], core: 'server' }],
  workload: { requests: [get(path)] },
})

test('Rows are compared on servers of both checkouts; one that is worse is measured again and fails the run', async (t) => {
  if (!hasProc) return t.skip('CPU time is read from /proc')
  const directory = createDirectory(t)
  const checkouts = {
    base: createCheckout(directory, 'base', { 'server.ts': serverOf({ iterations: 400_000 }) }),
    current: createCheckout(directory, 'current', {
      'server.ts': serverOf({ iterations: 2_500_000 }),
      'new.ts': serverOf({ iterations: 0 }),
    }),
  }
  const steps: string[] = []
  const rows = [
    rowOf('slower', 'server.ts'),
    rowOf('new service', 'new.ts'),
    rowOf('new endpoint', 'server.ts', '/only-current'),
    rowOf('removed endpoint', 'server.ts', '/only-base'),
    rowOf('failing', 'server.ts', '/fails-later'),
  ]
  const progress = (step: string) => void steps.push(step)
  const options = { warmUpCpuSeconds: 0, slices: 1, rounds, checkouts, generator, directory, progress }
  const compared = await compare({ ...options, rows })
  const [slower, newService, newEndpoint, removedEndpoint, failing] = compared
  assert.ok(slower?.worse.includes('cpu'), JSON.stringify(slower?.estimates))
  assert.equal(slower?.pairs.length, rounds)
  assert.equal(steps.filter((step) => step.includes('slower')).length, 2 * rounds)
  assert.equal(newService?.skipped, 'only in this checkout: the base has no new.ts')
  assert.match(newEndpoint?.skipped ?? '', /^only in this checkout: GET \/only-current returned 404/)
  assert.match(removedEndpoint?.failure ?? '', /^current: GET \/only-base returned 404/)
  assert.match(failing?.failure ?? '', /^base: \d+ requests failed during the load\.$/)
  const report = { ...reportOf(compared), baseOnly: ['former'] }
  assert.equal(hasPassed(report), false)
  const text = formatComparison(report)
  assert.match(text, /^slower is worse in two sets of rounds, .*: CPU per request \d+\.\d+, 95 % interval /m)
  assert.match(text, /^new service skipped: only in this checkout/m)
  assert.match(text, /^former skipped: only in 0123abc$/m)
  assert.match(text, /^failing failed: base: /m)
})

test('A run passes if no row is worse, but not if nothing was compared', () => {
  const measurement = { requests: 1, rps: 1, p50Ms: 1, p99Ms: 1, bytes: 1, errors: 0, cpuUs: 1, rssMb: 1 }
  const side = [{ ...measurement, foreignCores: 0 }]
  const interval = { ratio: 1, low: 1, high: 1, base: 1, current: 1, verdict: 'equal' as const }
  const row = { name: 'row', pairs: [{ base: side, current: side }], isRepeated: false, worse: [] }
  const equal = { ...row, estimates: { cpu: interval, rate: interval } }
  assert.equal(hasPassed(reportOf([equal])), true)
  assert.equal(hasPassed(reportOf([equal, { ...row, skipped: 'only in this checkout' }])), true)
  assert.equal(hasPassed(reportOf([{ ...row, skipped: 'only in this checkout' }])), false)
  assert.equal(hasPassed(reportOf([])), false)
  assert.match(formatComparison(reportOf([equal])), /^row .* 1\.000 +1\.000 to 1\.000 +equal/m)
  assert.match(formatComparison(reportOf([equal])), /tolerance 3 %/)
})

function reportOf(rows: Parameters<typeof hasPassed>[0]['rows']): Parameters<typeof hasPassed>[0] {
  const machine = {
    cpu: 'a CPU',
    cores: 2,
    system: '',
    node: '',
    date: '',
    generator: '',
    pinned: true,
    fsync_us: 1,
  }
  const settings = { rounds, seconds: 1, connections: 1, tolerance: 0.03 }
  return { base: { commit: '0123abc', subject: 'first' }, machine, settings, rows, baseOnly: [] }
}

function createDirectory(t: TestContext): string {
  const directory = mkdtempSync(join(realpathSync(tmpdir()), 'quintet-comparison-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

function createCheckout(parent: string, name: Checkout['name'], files: Record<string, string>): Checkout {
  const directory = join(parent, name)
  mkdirSync(directory)
  writeFileSync(join(directory, 'package.json'), '{ "type": "module" }')
  for (const [file, content] of Object.entries(files)) writeFileSync(join(directory, file), content)
  return { name, directory, node: process.execPath, nodeFlags: [] }
}

/** Each request of `/` runs a loop. `/only-<name>` exists in the checkout of that name; `/fails-later` succeeds once. */
function serverOf({ iterations }: { iterations: number }): string {
  return `
import { createServer } from 'node:http'
import { basename } from 'node:path'
const name = basename(process.cwd())
let failing = 0
createServer((request, response) => {
  let value = 1
  for (let n = 0; request.url === '/' && n < ${iterations}; n++) value = Math.sqrt(value + n)
  response.setHeader('value', value)
  if (request.url?.startsWith('/only-')) response.statusCode = request.url === '/only-' + name ? 200 : 404
  if (request.url === '/fails-later') response.statusCode = failing++ === 0 ? 200 : 500
  response.end()
}).listen(Number(process.env.PORT), process.env.HOST)
process.on('SIGTERM', () => process.exit(0))
`
}
