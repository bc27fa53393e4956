import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createManualClock } from '@quintet/chassis/clock'
import type { CircuitState, Outcome } from '../src/circuit.ts'
import { createCircuit } from '../src/circuit.ts'

function createWorld() {
  const clock = createManualClock(1_000_000)
  const states: CircuitState[] = []
  const circuit = createCircuit({
    clock,
    faultsMax: 3,
    openMs: 5_000,
    onChange: (state) => states.push(state),
  })
  const call = (outcome: Outcome) => {
    const passage = circuit.enter()
    if (passage !== undefined) circuit.leave(passage, outcome)
    return passage
  }
  const open = () => Array.from({ length: 3 }, () => call('faulted'))
  return { clock, circuit, states, call, open }
}

test('Faults in a row open the circuit, and no call is let through while it is open', () => {
  const { clock, circuit, call, states } = createWorld()
  assert.deepEqual([call('faulted'), call('faulted'), circuit.state()], ['call', 'call', 'closed'])
  assert.deepEqual([call('faulted'), circuit.state(), circuit.retryAfterMs()], ['call', 'open', 5_000])
  clock.advance(4_999)
  assert.deepEqual([call('answered'), circuit.retryAfterMs(), states], [undefined, 1, ['open']])
})

test('An answer between faults starts the count again, and a call given up does not', () => {
  const { circuit, call } = createWorld()
  for (const outcome of ['faulted', 'faulted', 'answered', 'faulted', 'abandoned', 'faulted'] as const)
    call(outcome)
  assert.equal(circuit.state(), 'closed')
  call('faulted')
  assert.equal(circuit.state(), 'open')
})

test('After a while a single call is let through, and closes the circuit when it is answered', () => {
  const { clock, circuit, open, states } = createWorld()
  open()
  clock.advance(5_000)
  assert.deepEqual([circuit.enter(), circuit.enter(), circuit.enter()], ['probe', undefined, undefined])
  circuit.leave('probe', 'answered')
  assert.deepEqual([circuit.enter(), circuit.enter()], ['call', 'call'])
  assert.deepEqual(states, ['open', 'half-open', 'closed'])
})

test('A probe that fails opens the circuit for another while', () => {
  const { clock, circuit, call, open } = createWorld()
  open()
  clock.advance(5_000)
  assert.equal(call('faulted'), 'probe')
  assert.deepEqual([circuit.state(), circuit.enter(), circuit.retryAfterMs()], ['open', undefined, 5_000])
})

test('A probe that is given up leaves its place to the next call', () => {
  const { clock, circuit, call, open } = createWorld()
  open()
  clock.advance(5_000)
  assert.equal(call('abandoned'), 'probe')
  assert.deepEqual([circuit.state(), circuit.enter()], ['half-open', 'probe'])
})

test('A call from before that fails late does not keep the circuit open longer, nor take the place of the probe', () => {
  const { clock, circuit, open } = createWorld()
  open()
  clock.advance(3_000)
  circuit.leave('call', 'faulted')
  assert.equal(circuit.retryAfterMs(), 2_000)
  clock.advance(2_000)
  assert.equal(circuit.enter(), 'probe')
  circuit.leave('call', 'faulted')
  assert.deepEqual([circuit.state(), circuit.enter()], ['half-open', undefined])
})

test('A clock that is set back does not keep the circuit open', () => {
  const { clock, circuit, open } = createWorld()
  open()
  clock.advance(-3_600_000)
  assert.equal(circuit.enter(), 'probe')
})
