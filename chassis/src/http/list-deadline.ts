import type { FastifyReply, preHandlerHookHandler } from 'fastify'
import { createLinkedList } from '../concurrency/index.ts'
import type { Linked } from '../concurrency/index.ts'
import { AppError } from '../errors/index.ts'
import type { App } from './app-options.ts'

const sweepIntervalMs = 100

interface Pending extends Linked<Pending> {
  readonly reply: FastifyReply
  readonly deadlineMs: number
}

/**
 * Makes a hook for routes whose response is 503 where it is not ready after `listMs` milliseconds. All have the same time, so that one
 * timer is enough; the framework's `handlerTimeout` has one for each request, which costs half as much as a list.
 */
export function createListDeadline(app: App, listMs: number): preHandlerHookHandler {
  const pending = createLinkedList<Pending>()
  const timer = setInterval(sweep, Math.min(sweepIntervalMs, listMs)).unref()
  app.addHook('onClose', async () => clearInterval(timer))

  function sweep(): void {
    const now = performance.now()
    for (let one = pending.first(); one !== undefined && one.deadlineMs <= now; one = pending.first()) {
      pending.remove(one)
      if (!one.reply.sent) one.reply.send(tooLate())
    }
  }

  return (_request, reply, done) => {
    const one: Pending = { reply, deadlineMs: performance.now() + listMs }
    pending.add(one)
    reply.raw.once('close', () => pending.remove(one))
    done()
  }
}

function tooLate(): AppError {
  return new AppError('overloaded', 'The list was not ready in time; ask for fewer rows or retry.')
}
