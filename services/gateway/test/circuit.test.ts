import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createManualClock } from '@quintet/chassis/clock'
import type { CircuitState, CallOutcome } from '../src/circuit.ts'
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
  const call = (outcome: CallOutcome) => {
    const passage = circuit.acquire()
    if (passage !== undefined) circuit.release(passage, outcome)
    return passage
  }
  const open = () => Array.from({ length: 3 }, () => call('faulted'))
  return { clock, circuit, states, call, open }
}

test('Consecutive faults open the circuit, and no call is admitted while it is open', () => {
  const { clock, circuit, call, states } = createWorld()
  assert.deepEqual([call('faulted'), call('faulted'), circuit.state()], ['call', 'call', 'closed'])
  assert.deepEqual([call('faulted'), circuit.state(), circuit.retryAfterMs()], ['call', 'open', 5_000])
  clock.advance(4_999)
  assert.deepEqual([call('responded'), circuit.retryAfterMs(), states], [undefined, 1, ['open']])
})

test('A response between faults resets the count, and an aborted call does not', () => {
  const { circuit, call } = createWorld()
  for (const outcome of ['faulted', 'faulted', 'responded', 'faulted', 'abandoned', 'faulted'] as const)
    call(outcome)
  assert.equal(circuit.state(), 'closed')
  call('faulted')
  assert.equal(circuit.state(), 'open')
})

test('After a while a single call is admitted, and a response closes the circuit', () => {
  const { clock, circuit, open, states } = createWorld()
  open()
  clock.advance(5_000)
  assert.deepEqual([circuit.acquire(), circuit.acquire(), circuit.acquire()], ['probe', undefined, undefined])
  circuit.release('probe', 'responded')
  assert.deepEqual([circuit.acquire(), circuit.acquire()], ['call', 'call'])
  assert.deepEqual(states, ['open', 'half-open', 'closed'])
})

test('A failed probe opens the circuit again', () => {
  const { clock, circuit, call, open } = createWorld()
  open()
  clock.advance(5_000)
  assert.equal(call('faulted'), 'probe')
  assert.deepEqual([circuit.state(), circuit.acquire(), circuit.retryAfterMs()], ['open', undefined, 5_000])
})

test('After an aborted probe the next call probes', () => {
  const { clock, circuit, call, open } = createWorld()
  open()
  clock.advance(5_000)
  assert.equal(call('abandoned'), 'probe')
  assert.deepEqual([circuit.state(), circuit.acquire()], ['half-open', 'probe'])
})

test('An earlier call that fails late neither keeps the circuit open longer nor replaces the probe', () => {
  const { clock, circuit, open } = createWorld()
  open()
  clock.advance(3_000)
  circuit.release('call', 'faulted')
  assert.equal(circuit.retryAfterMs(), 2_000)
  clock.advance(2_000)
  assert.equal(circuit.acquire(), 'probe')
  circuit.release('call', 'faulted')
  assert.deepEqual([circuit.state(), circuit.acquire()], ['half-open', undefined])
})

test('A clock that is set back does not keep the circuit open', () => {
  const { clock, circuit, open } = createWorld()
  open()
  clock.advance(-3_600_000)
  assert.equal(circuit.acquire(), 'probe')
})
