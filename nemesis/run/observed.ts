import type { Violation } from '../checkers/violation.ts'
import { certaintyOf } from '../load/http-client.ts'
import type { Reply, Request } from '../load/http-client.ts'

const listedMax = 20

/** What is seen during a run that is wrong whatever the histories show; `isAvailable` if each request must have an outcome. */
export function createObservations(isAvailable = false) {
  const violations: Violation[] = []
  const add = (key: string, message: string) => {
    if (violations.length < listedMax) violations.push({ key, message, operations: [] })
  }
  const unexpected = ({ method, url, body }: Request, reply: Reply) => {
    const shown = typeof reply === 'string' ? reply : `${reply.status} ${reply.body}`
    add('response', `${method} ${url} ${body === undefined ? '' : JSON.stringify(body)} got ${shown}`)
  }
  return {
    violations,
    /** A response that the documentation does not allow. */
    unexpected,
    /** Whatever is away, 500 is a fault of the service itself. */
    responded(request: Request, reply: Reply): void {
      const isFault = typeof reply !== 'string' && reply.status === 500
      if (isFault || (isAvailable && certaintyOf(reply) !== 'known')) unexpected(request, reply)
    },
    /** Something that did not come back. */
    failed(error: unknown): void {
      add('recovery', error instanceof Error ? error.message : String(error))
    },
    /** A process that ended by itself. */
    crashed(output: string | undefined): void {
      if (output !== undefined) add('process', output)
    },
  }
}
