import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createRandom } from './random.ts'
import type { Reading } from './reading.ts'
import { readByGateway } from './reading.ts'
import { readByNode } from './referee.ts'
import { generateResponse } from './response-generator.ts'

/**
 * The gateway's parser of responses against Node's own as referee. A response that the gateway accepts must be accepted by
 * Node and read in the same way, and a connection that the gateway uses again must be one that Node uses again: a difference is
 * how the response to one client becomes that to another. The gateway may be stricter, for the reasons listed here.
 */

const responses = 100_000
const atOnce = 200

/** What the gateway refuses and Node may accept, by the message of the refusal. */
const stricter = [
  'A line of the head does not end in CRLF.',
  'A response of status N does not state that it has no content.',
  'A response of status N states the length of a body.',
  'A trailer states the length of the body.',
  'The connection ends with an interim response.',
  'The first line is not a status line of HTTP/1.1.',
  'The head states the length of the body twice.',
  'The line before a chunk is not a size with extensions.',
  'The transfer coding makes the length of the body ambiguous.',
  'There are bytes after the end of the response.',
  'There is a tab beside the transfer coding.',
  'Unexpected interim response of status N.',
]

test('Of 100,000 generated responses, the gateway accepts none that Node refuses, and reads all others as Node does', async (t) => {
  const verdicts = new Map<string, number>()
  const judgeOne = async (seed: number) => {
    const { method, parts } = generateResponse(createRandom(seed))
    const gateway = readByGateway(method, parts)
    const node = await readByNode(method, parts)
    const verdict = judge(gateway, node)
    verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + 1)
    if (isAllowed(verdict)) return
    const text = JSON.stringify(Buffer.concat(parts).toString('latin1'))
    assert.fail(`${verdict}: seed ${seed}, ${method}, ${text} ${JSON.stringify({ gateway, node })}`)
  }
  for (let seed = 0; seed < responses; seed += atOnce)
    await Promise.all(Array.from({ length: atOnce }, (_, at) => judgeOne(seed + at)))

  for (const [verdict, count] of [...verdicts].toSorted()) t.diagnostic(`${count} ${verdict}`)
  // Each of these must be frequent, or the test shows nothing.
  for (const verdict of ['accepted by both', 'accepted by none'])
    assert.ok((verdicts.get(verdict) ?? 0) > responses / 10, verdict)
  assert.deepEqual(
    stricter.filter((reason) => !verdicts.has(`stricter: ${reason}`)),
    [],
    'a reason that does not occur is not needed',
  )
})

function isAllowed(verdict: string): boolean {
  return verdict.startsWith('accepted by') || stricter.some((reason) => verdict === `stricter: ${reason}`)
}

function judge(gateway: Reading, node: Reading): string {
  if (gateway.outcome !== 'complete' && node.outcome !== 'complete') return 'accepted by none'
  if (gateway.outcome === 'refused') return `stricter: ${gateway.refusal?.replace(/status \d+/, 'status N')}`
  if (gateway.outcome === 'incomplete') return 'complete for Node only'
  if (node.outcome !== 'complete') return 'complete for the gateway only'
  if (gateway.isPersistent && !node.isPersistent) return 'persistent for the gateway only'
  for (const part of ['status', 'reason', 'body'] as const)
    if (gateway[part] !== node[part]) return `another ${part}`
  if (JSON.stringify(gateway.fields) !== JSON.stringify(endToEnd(node.fields))) return 'other fields'
  return node.isPersistent && !gateway.isPersistent
    ? 'accepted by both, and persistent for Node only'
    : 'accepted by both'
}

const hopByHop = 'connection,keep-alive,proxy-connection,te,trailer,transfer-encoding,upgrade'.split(',')

/** The fields without those that concern one connection only; an underscore in their names counts as a hyphen. */
function endToEnd(fields: readonly string[]): string[] {
  const pairs = Array.from({ length: fields.length / 2 }, (_, at) => fields.slice(2 * at, 2 * at + 2))
  const named = (pair: readonly string[]) => String(pair[0]).toLowerCase()
  const nominated = pairs
    .filter((pair) => named(pair) === 'connection')
    .flatMap(([, value = '']) =>
      value
        .toLowerCase()
        .split(',')
        .map((option) => option.replace(/^[\t ]+|[\t ]+$/g, '')),
    )
    .filter((option) => option !== 'content-length')
  const isHopByHop = (name: string) =>
    hopByHop.includes(name.replaceAll('_', '-')) || nominated.includes(name)
  return pairs.filter((pair) => !isHopByHop(named(pair))).flat()
}
