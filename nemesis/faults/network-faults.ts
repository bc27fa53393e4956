import type { TcpProxy } from '@quintet/chassis/testing/proxy'
import { fault, repeatedly } from './fault.ts'
import type { Fault } from './fault.ts'

/** Longer than an ordinary request, and shorter than any timeout of the services. */
const delayMs = 300
const resetEveryMs = 400

/** The faults of the network before a server, from the mildest on. */
export function networkFaults(proxy: TcpProxy): readonly Fault[] {
  return [
    fault('delay', () => proxy.delay(delayMs), proxy.pass),
    repeatedly('reset', resetEveryMs, proxy.reset),
    repeatedly('cut', resetEveryMs, proxy.cut),
    fault('lose responses', () => proxy.lose('responses')),
    fault('lose requests', () => proxy.lose('requests')),
    fault('drop responses', () => proxy.dropResponses(), proxy.pass),
    fault('refuse', proxy.refuse, proxy.pass),
    fault('swallow', proxy.swallow, proxy.pass),
  ]
}
