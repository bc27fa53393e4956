import type { Clock } from '@quintet/chassis/clock'
import { AppError } from '@quintet/chassis/errors'
import { problemDocument } from '@quintet/chassis/http'
import { PoisonMessage } from '@quintet/chassis/queue'
import type { Delivery } from '@quintet/chassis/queue'
import { GuidCommand } from '@quintet/contracts'
import { Check } from 'typebox/schema'
import { checkPrecondition, alreadyLive, expireFault, versionMismatch, notFound } from './guid.ts'
import { OperationOver } from './port.ts'
import type { GuidStore, OperationStore } from './port.ts'

/**
 * Applies the commands that were accepted with 202, in the order of each GUID. The end of the operation is in the same unit
 * as its effect, so a command that is delivered again finds it over and changes nothing.
 */
export function createCommandHandler({
  guids,
  operations,
  clock,
}: {
  guids: GuidStore
  operations: OperationStore
  clock: Clock
}): (delivery: Delivery) => Promise<void> {
  async function apply(id: string, command: GuidCommand): Promise<void> {
    const beside = { operation: id }
    if (command.expire !== undefined) refuseExpired(command.expire, clock)
    if (command.kind === 'create') {
      const { guid, user, expire } = command
      const outcome = await guids.create({ guid, user, expire, version: guids.nextVersion() }, beside)
      if (outcome === 'live') throw alreadyLive()
      return
    }
    const { guid, user, expire, versions } = command
    const change = { ...(user !== undefined && { user }), ...(expire !== undefined && { expire }) }
    const version = await checkPrecondition(guids, guid, versions)
    if ((await guids.update(guid, change, version, beside)) === undefined)
      throw version === undefined ? notFound() : versionMismatch()
  }

  return async ({ id, body }) => {
    const command = parse(body)
    try {
      await apply(id, command)
    } catch (error) {
      if (error instanceof OperationOver) return
      // What the rules refuse is the operation's outcome; anything else is tried again by the queue.
      if (!(error instanceof AppError) || error.status >= 500) throw error
      await operations.fail(id, problemDocument(error, id, 'error'))
    }
  }
}

function refuseExpired(expire: number, clock: Clock): void {
  const fault = expireFault(expire, clock.now())
  if (fault !== undefined) throw new AppError('invalid', fault, { errors: { expire: fault } })
}

function parse(body: string): GuidCommand {
  try {
    const command: unknown = JSON.parse(body)
    if (Check(GuidCommand, command)) return command
  } catch (cause) {
    throw new PoisonMessage('The command is not JSON.', { cause })
  }
  throw new PoisonMessage('The command has not the form of a GuidCommand.')
}
