import { AppError, invalid } from '@quintet/chassis/errors'
import { describeOperations, problems } from '@quintet/chassis/http'
import type { App, FastifyRequest } from '@quintet/chassis/http'
import { deadQueueOf, lettersMax, listMax, liveQueueOf } from '@quintet/chassis/queue'
import type { DeadLetterChoice, QueueAdmin, StoredMessage } from '@quintet/chassis/queue'
import { Type } from 'typebox'
import type { ConsoleParts } from './parts.ts'
import { messageView } from './message-view.ts'
import { createMoves } from './queue-moves.ts'
import type { Moves } from './queue-moves.ts'
import type { QueueLook } from './queue-look.ts'
import { DeadLetterGroups, LookRequest, Move, MoveRequest, QueueList, QueueMessages } from './wire/index.ts'
import type { QueueSummary } from './wire/index.ts'

const operation = describeOperations('queues')
const Named = Type.Object({ name: Type.String({ maxLength: 255 }) })
const lookDefault = 100

type Parts = Pick<ConsoleParts, 'brokers' | 'act' | 'history' | 'clock'> & {
  readonly lookAtQueues: QueueLook
  /** How many messages of a queue are published, done and failed each second. */
  readonly ratesOf: (queue: string) => Pick<QueueSummary, 'published' | 'done' | 'failed'>
}

type Found = { readonly admin: QueueAdmin; readonly service: string }

/** The queues, their messages, and their dead letters by reason. The result reads what `GET /api/queues` does. */
export function addQueues(app: App, parts: Parts): { list(): Promise<QueueList> } {
  const moves = createMoves(parts.clock)
  app.addHook('onClose', moves.close)
  const list = async () => {
    const held = await parts.lookAtQueues()
    return { data: held.map((queue) => ({ ...queue, ...parts.ratesOf(queue.name) })) }
  }

  app.get(
    '/api/queues',
    operation('listQueues', 'List the queues with what they hold', {
      description:
        'The figures of a broker that does not respond are null, and `fault` is the reason. Rates are of the last minute.',
      response: { 200: QueueList, ...problems(401) },
    }),
    list,
  )
  addLooks(app, parts)
  addMoves(app, parts, moves)
  return { list }
}

function addLooks(app: App, parts: Parts): void {
  app.post(
    '/api/queues/:name/look',
    operation('lookAtQueue', 'Look at messages of a queue, or at its dead letters', {
      scope: 'quintet:observe',
      description:
        'Oldest first, at most 200 at a time; with `whole`, the one message of this id with its whole body. `effect` is what the look has done to the messages, which ' +
        'on RabbitMQ are handed out and taken back.',
      params: Named,
      body: LookRequest,
      response: { 200: QueueMessages, ...problems(400, 401, 403, 404, 415, 503) },
    }),
    async ({ params: { name }, body }) => {
      const { admin } = await queueNamed(parts, name)
      const effect = admin.lookEffect ?? null
      if (body.whole !== undefined) {
        const message = await findMessage(admin, name, body.whole)
        return { data: [messageView(name, message, true)], next: null, effect }
      }
      const { data, next } = await pageOf(admin, name, body)
      return { data: data.map((message) => messageView(name, message, false)), next, effect }
    },
  )

  app.post(
    '/api/queues/:name/reasons',
    operation('countReasons', 'Count the dead letters of a queue by reason', {
      scope: 'quintet:observe',
      description: 'Of more than 10,000 letters the oldest 10,000 are counted.',
      params: Named,
      body: Type.Object({}, { additionalProperties: false }),
      response: { 200: DeadLetterGroups, ...problems(400, 401, 403, 404, 415, 503) },
    }),
    async ({ params: { name } }) => {
      const { admin } = await queueNamed(parts, name)
      const { groups, total, seen } = await admin.reasons(name)
      return {
        data: groups.map(({ reason, count, firstAt = null, lastAt = null }) => ({
          ...{ reason, count, firstAt, lastAt },
        })),
        total,
        seen,
        effect: admin.lookEffect ?? null,
      }
    },
  )
}

function addMoves(app: App, parts: Parts, moves: Moves): void {
  for (const [kind, what] of Object.entries(kinds))
    app.post(
      `/api/queues/:name/${kind}`,
      operation(`${kind}DeadLetters`, what.title, {
        description:
          'One of `ids`, `reason` and `all` chooses the letters; `first` takes the oldest of them, and 10,000 are moved at most. `expect` is the number of the choice without ' +
          '`first`: for any other the response is 412, and nothing has happened. A move that takes longer than half a second goes on after the response; its `id` is to follow it by.',
        params: Named,
        body: MoveRequest,
        response: { 200: Move, ...problems(400, 401, 403, 404, 409, 412, 415, 503) },
      }),
      async (request) => beginMove(request, what.kind, { parts, moves }),
    )

  app.get(
    '/api/queues/moves/:id',
    operation('getMove', 'Get what has become of a replay or a drop', {
      description: 'The last 100 are kept until the console ends.',
      params: Type.Object({ id: Type.String({ maxLength: 100 }) }),
      response: { 200: Move, ...problems(401, 404, 503) },
    }),
    async ({ params: { id } }) => {
      const move = await moves.find(id)
      if (move === undefined)
        throw new AppError('not_found', 'There is no such move, or it is not kept any more.')
      return move
    },
  )
}

const kinds = {
  replay: { kind: 'replay', title: 'Put dead letters back to their queue' },
  drop: { kind: 'drop', title: 'Remove dead letters permanently' },
} as const

async function beginMove(
  request: FastifyRequest<{ Params: { name: string }; Body: MoveRequest }>,
  kind: Move['kind'],
  { parts, moves }: { parts: Parts; moves: Moves },
): Promise<Move> {
  const { name } = request.params
  const { act, history, clock } = parts
  return act(request, { what: kind, on: name }, async () => {
    const queue = liveQueueOf(name)
    const choice = choiceOf(request.body)
    const { admin, service } = await queueNamed(parts, name)
    const { expect, perSecond } = request.body
    const move = await moves.begin({ kind, name, admin, choice, expect, perSecond })
    const text = `${move.of} dead letters of ${queue} ${kind === 'replay' ? 'put back' : 'removed'}${choiceText(choice)}`
    await history.addEvent({ at: clock.now(), kind, service, text })
    return { value: move, outcome: move.outcome }
  })
}

function choiceOf({ ids, reason, all, first }: MoveRequest): DeadLetterChoice {
  if ([ids, reason, all].filter((way) => way !== undefined).length !== 1)
    throw invalid({ body: 'The body must have one of ids, reason and all.' })
  return {
    ...(ids !== undefined && { ids }),
    ...(reason !== undefined && { reason }),
    ...(first !== undefined && { first }),
  }
}

function choiceText({ reason }: DeadLetterChoice): string {
  return reason === undefined ? '' : `: ${reason === '' ? 'those without a reason' : reason}`
}

/** The queue of this name, or that of its dead letters; throws where there is none. */
async function queueNamed({ brokers }: Pick<Parts, 'brokers'>, name: string): Promise<Found> {
  for (const { admin, queues } of await brokers()) {
    const queue = queues.find((one) => one.name === name || deadQueueOf(one.name) === name)
    if (queue !== undefined) return { admin, service: queue.service }
  }
  throw new AppError('not_found', `There is no queue "${name}".`)
}

async function pageOf(
  admin: QueueAdmin,
  name: string,
  { limit = lookDefault, after = 0, reason }: Pick<LookRequest, 'limit' | 'after' | 'reason'>,
): Promise<{ data: StoredMessage[]; next: number | null }> {
  // Such a broker hands out all messages before the page as well.
  if (admin.lookEffect !== undefined && after + limit > lettersMax)
    throw invalid({ after: `after must be at most ${lettersMax - limit} on this broker.` })
  const found = await admin.list(name, { limit: limit + 1, after, ...(reason !== undefined && { reason }) })
  const data = found.slice(0, limit)
  return { data, next: found.length > limit ? (data.at(-1)?.position ?? null) : null }
}

/** By its id where the broker finds messages by it; otherwise among the oldest. */
async function findMessage(admin: QueueAdmin, name: string, id: string): Promise<StoredMessage> {
  const among =
    admin.find === undefined ? await admin.list(name, { limit: listMax }) : await admin.find(name, [id])
  const message = among.find((one) => one.id === id)
  if (message === undefined)
    throw new AppError('not_found', `${name} has no message of this id, or not among its oldest.`)
  return message
}
