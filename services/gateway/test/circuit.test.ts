import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createManualClock } from '@quintet/chassis/testing/clock'
import type { CircuitState } from '../src/circuit.ts'
import { createCircuit } from '../src/circuit.ts'

function createWorld({ faultsMax = 3, faultPercent = 50 } = {}) {
  const clock = createManualClock(1_000_000)
  const states: CircuitState[] = []
  const circuit = createCircuit({
    clock,
    faultsMax,
    faultPercent,
    openMs: 5_000,
    onChange: (state) => states.push(state),
  })
  const faults = (count: number) => {
    for (let fault = 0; fault < count; fault += 1) circuit.faulted()
  }
  return { clock, circuit, states, faults }
}

test('Consecutive faults open the circuit, and no probe begins before its time', () => {
  const { clock, circuit, states, faults } = createWorld()
  faults(2)
  assert.equal(circuit.state(), 'closed')
  faults(1)
  assert.deepEqual([circuit.state(), circuit.retryAfterMs()], ['open', 5_000])
  clock.advance(4_999)
  assert.deepEqual([circuit.beginProbe(), circuit.retryAfterMs(), states], [false, 1, ['open']])
})

test('A response between faults resets the count of consecutive faults', () => {
  const { circuit, faults } = createWorld()
  faults(2)
  circuit.responded()
  faults(2)
  assert.equal(circuit.state(), 'closed')
  faults(1)
  assert.equal(circuit.state(), 'open')
})

test('Half of twenty recent calls open the circuit, though they never fail in a row', () => {
  const { circuit, faults } = createWorld()
  for (let pair = 0; pair < 9; pair += 1) {
    circuit.responded()
    faults(1)
  }
  circuit.responded()
  assert.equal(circuit.state(), 'closed')
  faults(1)
  assert.equal(circuit.state(), 'open')
})

test('A share of faults below the limit does not open the circuit', () => {
  const { circuit, faults } = createWorld()
  for (let round = 0; round < 100; round += 1) {
    circuit.responded()
    circuit.responded()
    faults(1)
  }
  assert.equal(circuit.state(), 'closed')
})

test('Faults of more than ten seconds ago are not counted in the share', () => {
  const { clock, circuit, faults } = createWorld()
  for (let pair = 0; pair < 18; pair += 1) {
    if (pair === 9) clock.advance(10_000)
    circuit.responded()
    faults(1)
  }
  assert.equal(circuit.state(), 'closed')
})

test('After a while one probe begins, and its response closes the circuit', () => {
  const { clock, circuit, states, faults } = createWorld()
  faults(3)
  clock.advance(5_000)
  assert.deepEqual([circuit.beginProbe(), circuit.beginProbe()], [true, false])
  assert.equal(circuit.state(), 'half-open')
  circuit.probed(true)
  assert.deepEqual(states, ['open', 'half-open', 'closed'])
})

test('A failed probe opens the circuit again', () => {
  const { clock, circuit, faults } = createWorld()
  faults(3)
  clock.advance(5_000)
  circuit.beginProbe()
  circuit.probed(false)
  assert.deepEqual([circuit.state(), circuit.beginProbe(), circuit.retryAfterMs()], ['open', false, 5_000])
})

test('After a probe a single fault opens the circuit again, until a call has got a response', () => {
  const { clock, circuit, faults } = createWorld()
  const probe = () => {
    clock.advance(5_000)
    circuit.beginProbe()
    circuit.probed(true)
  }
  faults(3)
  probe()
  faults(1)
  assert.equal(circuit.state(), 'open')
  probe()
  circuit.responded()
  faults(1)
  assert.equal(circuit.state(), 'closed')
})

test('An earlier call that ends while the circuit is open or half-open changes nothing', () => {
  const { clock, circuit, faults } = createWorld()
  faults(3)
  clock.advance(3_000)
  faults(1)
  circuit.responded()
  assert.deepEqual([circuit.state(), circuit.retryAfterMs()], ['open', 2_000])
  clock.advance(2_000)
  circuit.beginProbe()
  faults(1)
  circuit.responded()
  assert.equal(circuit.state(), 'half-open')
})

test('A clock that is set back does not keep the circuit open', () => {
  const { clock, circuit, faults } = createWorld()
  faults(3)
  clock.advance(-3_600_000)
  assert.equal(circuit.beginProbe(), true)
})

test('A probe does not wait for the last one, at most four are in flight, and the first response closes the circuit', () => {
  const { clock, circuit, states, faults } = createWorld()
  faults(3)
  const began = Array.from({ length: 6 }, () => {
    clock.advance(5_000)
    return circuit.beginProbe()
  })
  assert.deepEqual(began, [true, true, true, true, false, false])
  circuit.probed(false)
  assert.equal(circuit.beginProbe(), true)
  circuit.probed(true)
  assert.deepEqual(states, ['open', 'half-open', 'closed'])
  for (let late = 0; late < 3; late += 1) circuit.probed(false)
  assert.equal(circuit.state(), 'closed')
})
