import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { checkRegister } from '../checkers/check-register.ts'
import { createRecorder, operationsOf, parseHistory, writeHistory } from '../history.ts'
import { asRegister } from '../recorded.ts'

test('A history that was written is read again as it was, also where its last line was cut off', () => {
  let now = 0
  const recorder = createRecorder('register', () => ++now)
  const first = recorder.invoke('client 1', 'A', { f: 'create', value: 'w1' })
  const second = recorder.invoke('client 2', 'A', { f: 'read' })
  second('ok', { kind: 'absent' })
  first('info')
  recorder.invoke('client 1', 'A', { f: 'read' })
  const text = writeHistory(recorder.history())
  const read = parseHistory(`${text}{"time":9,"op":`)
  assert.deepEqual(read, parseHistory(text))
  const operations = asRegister(read)
  assert.deepEqual(
    operations.map(({ outcome, invokedAt, completedAt }) => [outcome, invokedAt, completedAt]),
    [
      ['info', 1, Number.POSITIVE_INFINITY],
      ['ok', 2, 3],
      ['info', 5, Number.POSITIVE_INFINITY],
    ],
  )
})

test('The example in the README is a history of a violation', () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
  const [example = ''] = /^\{"history":[^`]*/m.exec(readme) ?? []
  const { violations } = checkRegister(asRegister(parseHistory(example)))
  assert.deepEqual(
    violations.map(({ key }) => key),
    ['guid/A'],
  )
})

const header = '{"history":"register"}\n'
const invocation = '{"time":1,"op":1,"type":"invoke","process":"c","key":"A","call":{"f":"read"}}\n'

const faults: Readonly<Record<string, readonly [string, RegExp]>> = {
  'has no header': [invocation, /^Error: line 1: "history" must name/],
  'has a line that is not JSON': [`${header}{\n`, /^Error: line 2: is not JSON/],
  'has an event of an unknown type': [
    `${header}${invocation.replace('invoke', 'begin')}`,
    /line 2: "type" must be/,
  ],
  'has an event without a time': [
    `${header}${invocation.replace('"time":1,', '')}`,
    /line 2: "time" must be a number/,
  ],
  'completes what was not invoked': [
    `${header}{"time":1,"op":3,"type":"ok"}\n`,
    /operation 3 completes without/,
  ],
  'invokes an operation twice': [`${header}${invocation}${invocation}`, /operation 1 is invoked twice/],
  'goes back in time': [
    `${header}${invocation}{"time":0,"op":1,"type":"ok"}\n`,
    /operation 1: the time of its event/,
  ],
  'has an unknown call': [`${header}${invocation.replace('read', 'reed')}`, /operation 1: the call/],
}

for (const [sentence, [text, message]] of Object.entries(faults))
  test(`A history is refused that ${sentence}`, () => {
    assert.throws(() => {
      const history = parseHistory(text)
      operationsOf(history.events)
      asRegister(history)
    }, message)
  })
