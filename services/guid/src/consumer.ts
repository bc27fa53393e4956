import type { EngineClock } from '@quintet/chassis/database'
import { AppError } from '@quintet/chassis/errors'
import { unrestricted } from '@quintet/chassis/guard'
import { problemDocument } from '@quintet/chassis/http'
import { PoisonMessage, untilAvailable } from '@quintet/chassis/queue'
import type { Delivery } from '@quintet/chassis/queue'
import { changeIf, checkPrecondition } from '@quintet/chassis/resource'
import { createFailureLog } from '@quintet/chassis/telemetry'
import type { Logger } from '@quintet/chassis/telemetry'
import { GuidCommand } from '@quintet/contracts'
import { Check } from 'typebox/schema'
import type { CachedGuidStore } from './cached-guid-store.ts'
import { alreadyRegistered, expired, notFound, noun, refuseExpired } from './guid.ts'
import { OperationCompleted } from './port.ts'
import type { OperationStore } from './port.ts'

/**
 * Applies the commands that were accepted with 202, in order for each GUID. The operation is completed in the same unit as
 * its effect, so a command that is delivered again finds it completed and changes nothing. While the database or the cache is
 * unavailable, commands wait here; `stopping` ends the wait.
 */
export function createCommandHandler({
  guids,
  operations,
  engineClock,
  logger,
  stopping,
}: {
  guids: CachedGuidStore
  operations: OperationStore
  engineClock: EngineClock
  logger: Logger
  stopping: AbortSignal
}): (delivery: Delivery) => Promise<void> {
  const log = createFailureLog(logger, {
    failing:
      'commands wait, because the database or the cache does not respond: check both, for example by quintet doctor',
    recovered: 'commands are applied again',
  })

  async function apply(id: string, command: GuidCommand): Promise<void> {
    const commitWith = { operation: id }
    await engineClock.whenRead?.()
    refuseExpired(command.expire, engineClock)
    const { access = unrestricted } = command
    if (command.kind === 'create') {
      const { guid, user, expire } = command
      const outcome = await guids.create({ guid, user, expire, owner: access.owner }, commitWith)
      if (outcome === 'expired') throw expired()
      if (outcome === 'exists') throw alreadyRegistered()
      return
    }
    const { guid, user, expire, versions } = command
    const change = { ...(user !== undefined && { user }), ...(expire !== undefined && { expire }) }
    const precondition = { noun, notFound, find: () => guids.findToChange(guid, access) }
    await changeIf(
      () => checkPrecondition(versions, precondition),
      precondition,
      async (version) => {
        const updated = await guids.update(guid, change, version, { ...commitWith, access })
        if (updated === undefined) refuseExpired(expire, engineClock)
        return updated
      },
    )
  }

  async function handle(id: string, command: GuidCommand): Promise<void> {
    try {
      await apply(id, command)
    } catch (error) {
      if (error instanceof OperationCompleted) return
      // A refusal is the outcome of the operation; any other error makes the queue deliver the command again.
      if (!(error instanceof AppError) || error.status >= 500) throw error
      await operations.fail(id, problemDocument(error, id, 'error'))
    }
  }

  return async ({ id, body }) => {
    const command = parse(body)
    await untilAvailable(() => handle(id, command), { stopping, log })
  }
}

function parse(body: string): GuidCommand {
  try {
    const command: unknown = JSON.parse(body)
    if (Check(GuidCommand, command)) return command
  } catch (cause) {
    throw new PoisonMessage('The command is not JSON.', { cause })
  }
  throw new PoisonMessage('The command is not a valid GuidCommand.')
}
