import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'

/**
 * The states of a circuit that one fault opens, after a timeout of a service that refuses connections, in a process with few descriptors.
 * `exhaust` runs before the timeout.
 */
function statesAfterTimeout(exhaust: string): string[] {
  const script = `
    import { openSync } from 'node:fs'
    const { createEndpoint } = await import(process.argv[1])
    const states = []
    const endpoint = createEndpoint({
      service: 'guid',
      url: new URL('http://127.0.0.1:1'),
      host: 'guid',
      timeoutMs: 1_000,
      circuitFaultsMax: 1,
      circuitFaultPercent: 100,
      circuitOpenMs: 60_000,
      clock: { now: Date.now },
      isAlone: () => true,
      onCircuitChange: (address, state) => states.push(state),
      onTlsFault() {},
      onFault() {},
    })
    ${exhaust}
    endpoint.faulted({ fault: 'timeout', cause: undefined })
    setTimeout(() => process.stdout.write(JSON.stringify(states)), 200)`
  const command = 'ulimit -n 128; exec "$0" --input-type=module --eval "$1" "$2"'
  const { href } = new URL('../src/endpoint.ts', import.meta.url)
  const words = ['-c', command, process.execPath, script, href]
  return JSON.parse(execFileSync('sh', words, { encoding: 'utf8' }))
}

test('A timeout is a fault of a service that does not respond to a probe either', () => {
  assert.deepEqual(statesAfterTimeout(''), ['open'])
})

test('A probe for which the gateway has no descriptor left shows nothing about the service', () => {
  assert.deepEqual(statesAfterTimeout(`try { for (;;) openSync('/dev/null') } catch {}`), [])
})
