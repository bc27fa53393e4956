import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createBalancer } from '../src/balancer.ts'
import type { CircuitState } from '../src/circuit.ts'

type Address = ReturnType<typeof createAddress>

function createAddress(name: string) {
  const state = { circuit: 'closed' as CircuitState, isReady: true, inFlight: 0 }
  return {
    name,
    state,
    circuit: { state: () => state.circuit },
    isReady: () => state.isReady,
    inFlight: () => state.inFlight,
  }
}

/** The names of the addresses of requests that all stay in flight. */
function chooseMany(addresses: readonly Address[], count: number): string {
  const balancer = createBalancer<Address>()
  return Array.from({ length: count }, () => {
    const chosen = balancer.choose(addresses)
    if (chosen !== undefined) chosen.state.inFlight += 1
    return chosen?.name ?? '-'
  }).join('')
}

const createThree = () => [createAddress('a'), createAddress('b'), createAddress('c')] as const

test('Addresses with as few requests in flight get requests in turn', () => {
  const addresses = createThree()
  const balancer = createBalancer<Address>()
  const chosen = Array.from({ length: 7 }, () => balancer.choose(addresses)?.name)
  assert.equal(chosen.join(''), 'bcabcab')
})

test('The address with the fewest requests in flight gets the next one', () => {
  const addresses = createThree()
  addresses[0].state.inFlight = 5
  addresses[1].state.inFlight = 3
  assert.equal(chooseMany(addresses, 8), 'cccbcbca')
  assert.deepEqual(
    addresses.map(({ state }) => state.inFlight),
    [6, 5, 5],
  )
})

test('An address whose circuit is not closed gets no request, and none is left while all are', () => {
  for (const circuit of ['open', 'half-open'] as const) {
    const addresses = createThree()
    addresses[1].state.circuit = circuit
    assert.equal(chooseMany(addresses, 4), 'caca')
    for (const { state } of addresses) state.circuit = circuit
    assert.equal(chooseMany(addresses, 1), '-')
  }
})

test('An address that is not ready gets no request while another is, however busy that is', () => {
  const addresses = createThree()
  addresses[0].state.isReady = false
  addresses[1].state.isReady = false
  addresses[2].state.inFlight = 100
  assert.equal(chooseMany(addresses, 3), 'ccc')
})

test('While no address is ready, those with a closed circuit get requests as if they were', () => {
  const addresses = createThree()
  for (const { state } of addresses) state.isReady = false
  addresses[0].state.circuit = 'open'
  assert.equal(chooseMany(addresses, 4), 'bcbc')
})

test('A second attempt goes to another address that is ready, and otherwise to the same one', () => {
  const addresses = createThree()
  const [a, b, c] = addresses
  const balancer = createBalancer<Address>()
  b.state.inFlight = 10
  c.state.inFlight = 9
  assert.equal(balancer.choose(addresses, a)?.name, 'c')
  c.state.isReady = false
  assert.equal(balancer.choose(addresses, a)?.name, 'b')
  b.state.isReady = false
  assert.equal(balancer.choose(addresses, a)?.name, 'a')
  a.state.circuit = 'open'
  assert.equal(balancer.choose(addresses, a)?.name, 'c')
})

test('One address gets every request while its circuit is closed', () => {
  const only = createAddress('a')
  only.state.isReady = false
  assert.equal(chooseMany([only], 3), 'aaa')
  only.state.circuit = 'open'
  assert.equal(chooseMany([only], 1), '-')
})

test('Addresses may change between two requests', () => {
  const [a, b, c] = createThree()
  const balancer = createBalancer<Address>()
  assert.equal(balancer.choose([a, b, c])?.name, 'b')
  assert.equal(balancer.choose([a, b, c])?.name, 'c')
  assert.equal(balancer.choose([a])?.name, 'a')
  assert.equal(balancer.choose([])?.name, undefined)
  assert.equal(balancer.choose([a, b])?.name, 'b')
})
