import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'

const root = new URL('..', import.meta.url)
const read = (file: string | URL) => readFileSync(new URL(file, root), 'utf8')

const guarantees = read('docs/guarantees.md')
const sections = guarantees.split(/^### /m).slice(1)

test('Each guarantee states its promise, its limits and its proof, and is in the index', () => {
  assert.ok(sections.length >= 18)
  for (const section of sections) {
    const [title = ''] = section.split('\n', 1)
    const marks = ['**Promise.**', '**Limits.**', '**Proof.**']
    const places = marks.map((mark) => section.indexOf(mark))
    assert.ok(
      places.every((place, i) => place > (places[i - 1] ?? 0)),
      `"${title}" must have ${marks.join(', ')} in this order`,
    )
    const anchor = title
      .toLowerCase()
      .replace(/[^\w -]/g, '')
      .replaceAll(' ', '-')
    assert.ok(guarantees.includes(`(#${anchor})`), `the index does not link to #${anchor}`)
  }
})

test('Each proof of a guarantee is a test that exists, by its title', () => {
  for (const section of sections) {
    const [title = ''] = section.split('\n', 1)
    const proofs = [...section.matchAll(/^- \[(.+)\]\((.+)\)$/gm)]
    assert.ok(proofs.length > 0, `"${title}" has no proof`)
    for (const [, proof = '', path = ''] of proofs)
      assert.ok(
        titlesOf(read(new URL(path, new URL('docs/', root)))).some((known) => known.startsWith(proof)),
        `"${title}" names the test "${proof}", which ${path} does not have`,
      )
  }
})

/** The titles of the tests of a file; what a template fills in is left out. */
function titlesOf(text: string): string[] {
  return [...text.matchAll(/\btest\(\s*(['`])(.+?)\1,/g)].map(([, , title = '']) => title)
}
