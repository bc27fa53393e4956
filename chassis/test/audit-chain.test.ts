import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import fc from 'fast-check'
import { beginning, hashOf, lineAfter } from '../src/audit/chain.ts'
import type { ChainEnd } from '../src/audit/chain.ts'
import { verifyAudit } from '../src/audit/verify.ts'

/** The lines of a chain, each of them about another movie. */
function linesOf(count: number, chain = 'inventory', from: ChainEnd = beginning): string[] {
  const lines: string[] = []
  let end = from
  for (let i = 1; i <= count; i++) {
    const line = lineAfter(end, chain, {
      kind: 'outcome',
      time: '2026-11-30T12:00:00.000Z',
      path: `/movies/${i}`,
    })
    end = { number: end.number + 1, hash: hashOf(line) }
    lines.push(line)
  }
  return lines
}

/** A file for each of these texts, the first of which is the oldest. */
function filesOf(t: TestContext, ...texts: string[]): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'quintet-audit-'))
  t.after(() => rmSync(folder, { recursive: true }))
  return texts.map((text, i) => {
    const file = join(folder, `audit.inventory.log.${texts.length - i}`)
    writeFileSync(file, text)
    return file
  })
}

const textOf = (lines: readonly string[]) => lines.map((line) => `${line}\n`).join('')

/** What is found in a file with these lines. */
async function verify(t: TestContext, lines: readonly string[], kept?: string) {
  const report = await verifyAudit(filesOf(t, textOf(lines)), { kept })
  const { fault, wasKeptFound } = report
  return { line: fault?.line, reason: fault?.reason, validUpTo: fault?.validUpTo, wasKeptFound, report }
}

test('Each line has the SHA-256 of the line before it, and the first one has none', () => {
  const [first = '', second = ''] = linesOf(2)
  assert.equal(JSON.parse(first).prev, '0'.repeat(64))
  assert.equal(JSON.parse(second).prev, createHash('sha256').update(first).digest('hex'))
})

test('A whole chain is valid, also over rotated files in their order, and the last hash is that of its last line', async (t) => {
  const lines = linesOf(9)
  const files = filesOf(t, textOf(lines.slice(0, 4)), '', textOf(lines.slice(4)))
  const { fault, lines: count, last, isWhole } = await verifyAudit(files)
  assert.deepEqual([fault, count, isWhole, last?.hash], [undefined, 9, true, hashOf(lines.at(-1) ?? '')])
  assert.equal((await verifyAudit(files.slice(2))).isWhole, false)
  assert.match((await verifyAudit(files.toReversed())).fault?.reason ?? '', /inserted, swapped/)
})

for (const [title, tamper, line, reason, validUpTo] of [
  [
    'A changed line',
    (lines: string[]) => lines.with(3, String(lines[3]).replace('/movies/4', '/movies/5')),
    5,
    /prev is not the hash of the line before, which was changed/,
    3,
  ],
  [
    'A removed line',
    (lines: string[]) => lines.toSpliced(3, 1),
    4,
    /lines 4 to 4 of the chain are missing/,
    2,
  ],
  [
    'A line that is there twice',
    (lines: string[]) => lines.toSpliced(4, 0, String(lines[3])),
    5,
    /inserted/,
    3,
  ],
  [
    'A line of another chain',
    (lines: string[]) => lines.toSpliced(4, 0, String(linesOf(5, 'guid').at(-1))),
    5,
    /belongs to the chain guid, not to inventory/,
    3,
  ],
  [
    'An inserted line that is chained to the one before it',
    (lines: string[]) =>
      lines.toSpliced(
        4,
        0,
        String(linesOf(1, 'inventory', { number: 4, hash: hashOf(String(lines[3])) })[0]),
      ),
    6,
    /inserted/,
    4,
  ],
  [
    'Swapped lines',
    (lines: string[]) => [...lines.slice(0, 3), ...lines.slice(3, 5).reverse(), ...lines.slice(5)],
    4,
    /missing/,
    2,
  ],
  ['A text that is no line', (lines: string[]) => lines.toSpliced(4, 0, ''), 5, /no line of an audit log/, 3],
] as const)
  test(`${title} is found, by the number of the line that does not fit`, async (t) => {
    const found = await verify(t, tamper(linesOf(8)))
    assert.equal(found.line, line)
    assert.match(found.reason ?? '', reason)
    assert.equal(found.validUpTo, validUpTo)
  })

test('A tail that was cut off is found by a hash that was kept, and by nothing else', async (t) => {
  const lines = linesOf(8)
  const kept = hashOf(String(lines[7]))
  assert.equal((await verify(t, lines, kept)).wasKeptFound, true)
  const cut = await verify(t, lines.slice(0, 7), kept)
  assert.equal(cut.line, undefined)
  assert.equal(cut.wasKeptFound, false)
})

test('A last line that is not finished is told from a break, and one in an earlier file is a break', async (t) => {
  const lines = linesOf(3)
  const torn = textOf(lines.slice(0, 2)) + String(lines[2]).slice(0, 40)
  const { fault, tornBytes, lines: count } = await verifyAudit(filesOf(t, torn))
  assert.deepEqual([fault, tornBytes, count], [undefined, 40, 2])
  assert.match((await verifyAudit(filesOf(t, torn, textOf(linesOf(1))))).fault?.reason ?? '', /not finished/)
})

test('Of what several services have written to standard output, one chain is followed, over starts', async (t) => {
  const inventory = linesOf(3)
  const guid = linesOf(2, 'guid')
  const start = lineAfter(beginning, 'inventory', { kind: 'start' })
  const after = linesOf(1, 'inventory', { number: 1, hash: hashOf(start) })
  const [first = '', ...others] = inventory
  const files = filesOf(t, textOf([first, '{"level":"info"}', ...guid, ...others, 'text', start, ...after]))
  const { fault, lines, chain } = await verifyAudit(files, { chain: 'inventory' })
  assert.deepEqual([fault, lines, chain], [undefined, 5, 'inventory'])
})

test('Whatever is done to one byte of a chain is found, unless it is behind the last line that is confirmed', async (t) => {
  const lines = linesOf(4)
  const text = textOf(lines)
  const confirmed = textOf(lines.slice(0, 3)).length
  const [file = ''] = filesOf(t, text)
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 0, max: confirmed - 1 }),
      fc.constantFrom('change', 'remove', 'insert'),
      fc.integer({ min: 32, max: 126 }),
      async (at, how, code) => {
        const character = String.fromCharCode(code)
        if (how === 'change' && character === text[at]) return
        const rest = text.slice(how === 'insert' ? at : at + 1)
        writeFileSync(file, text.slice(0, at) + (how === 'remove' ? '' : character) + rest)
        const { fault, last, lines: count } = await verifyAudit([file])
        // A character that is put between two lines may make one of them no line.
        assert.ok(
          fault !== undefined || count !== 4 || last?.hash !== hashOf(String(lines[3])),
          `${how} ${at}`,
        )
      },
    ),
    { numRuns: 300 },
  )
})
