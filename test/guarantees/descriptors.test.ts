import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { once } from 'node:events'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { dataFolder, run } from '../system/processes.ts'
import { attacks, beginAttack, beHonest } from './attacks.ts'

const limit = 256
const skip = !hasPrlimit() && 'prlimit is not installed'

function hasPrlimit(): boolean {
  try {
    execFileSync('prlimit', ['--version'])
    return true
  } catch {
    return false
  }
}

/** Runs a program that may open only a few files. */
function runLimited(t: Parameters<typeof run>[0], words: readonly string[]) {
  const settings = { DATA_DIR: dataFolder(t), LOG_LEVEL: 'error' }
  return run(t, [`--nofile=${limit}`, process.execPath, ...words], settings, undefined, 'prlimit')
}

const opening = attacks.filter(({ name }) => /send nothing|drip a head|withhold a body|read their/.test(name))

for (const [what, words, service, path] of [
  ['The whole system', ['quintet.ts', 'start'], 'gateway', '/guids'],
  ['The gateway', ['services/gateway/src/main.ts'], 'gateway', '/health/ready'],
  ['A service', ['services/guid/src/main.ts'], 'guid', '/guids'],
] as const)
  for (const attack of opening)
    test(`${what} with ${limit} descriptors responds to everybody during and after: ${attack.name}`, {
      skip,
    }, async (t) => {
      const program = runLimited(t, words)
      const url = await program.address(service)
      const paths = [path, '/health/live', '/openapi.json', '/metrics'].map((each) => ['GET', each] as const)
      const begun = beginAttack(url, attack, '127.0.0.2')
      await pause(1_000)
      const during = await beHonest(url, 2_000, paths)
      await begun.stop()
      const after = await beHonest(url, 500, paths)
      assert.deepEqual([...during.statuses.keys()], [200], JSON.stringify([...during.statuses]))
      assert.deepEqual([...after.statuses.keys()], [200])
      assert.equal(program.child.exitCode, null)
      assert.doesNotMatch(program.output(), /"level":"(?:error|fatal)"/)
    })

/** Opens connections one after the other, and waits until no more of them are closed. */
async function openMany(t: TestContext, url: string, localAddress: string, count: number): Promise<Socket[]> {
  const sockets: Socket[] = []
  t.after(() => {
    for (const socket of sockets) socket.destroy()
  })
  for (let at = 0; at < count; at += 1) {
    const socket = connect({ port: Number(new URL(url).port), host: '127.0.0.1', localAddress })
    sockets.push(socket.on('error', () => {}))
    await once(socket, 'connect')
  }
  for (let before = -1, open = count; open !== before; open = sockets.filter(isOpen).length) {
    before = open
    await pause(500)
  }
  return sockets
}

const isOpen = ({ readyState }: Socket) => readyState === 'open'

test('Of connections beyond the limit, those that were idle longest are closed, and the descriptors in use stay below it', {
  skip,
}, async (t) => {
  const program = runLimited(t, ['services/guid/src/main.ts'])
  const open = (await openMany(t, await program.address('guid'), '127.0.0.1', 400)).map(isOpen)
  assert.ok(open.slice(-50).every(Boolean))
  assert.ok(!open.slice(0, 200).some(Boolean))
})

test('A network has its share also of the connections that the descriptors admit', { skip }, async (t) => {
  const url = await runLimited(t, ['services/guid/src/main.ts']).address('guid')
  const greedy = await openMany(t, url, '127.0.0.2', 300)
  const atFirst = greedy.filter(isOpen)
  // As a trusted proxy, it has no share of its own.
  const proxy = await openMany(t, url, '127.0.0.1', 300)
  const all = [...greedy, ...proxy].filter(isOpen).length
  assert.ok(atFirst.length >= 20 && atFirst.length <= all / 2 + 3, `${atFirst.length} of ${all}`)
})
