import { AppError, invalid } from '@quintet/chassis/errors'
import { describeOperations, problems } from '@quintet/chassis/http'
import type { App } from '@quintet/chassis/http'
import { Type } from 'typebox'
import type { ConsoleGuard } from './guard.ts'
import type { ConsoleParts } from './parts.ts'
import { ActionList, cursor, EventList } from './wire/index.ts'

const operation = describeOperations('actions')
const dayMs = 86_400_000

type Action = Parameters<ConsoleParts['history']['addAction']>[0]

/** Runs actions, and keeps what came of them in the list of actions and in the log. */
export function createAct(
  guard: Pick<ConsoleGuard, 'actorOf'>,
  { history, logger, clock }: Pick<ConsoleParts, 'history' | 'logger' | 'clock'>,
): ConsoleParts['act'] {
  async function keep(action: Action): Promise<void> {
    logger.info({ action }, 'an action of the console')
    await history.addAction(action)
  }

  return async (request, { what, on }, work) => {
    const { who } = guard.actorOf(request)
    const action = { at: clock.now(), who, what, on }
    try {
      const { value, outcome } = await work()
      await keep({ ...action, outcome, succeeded: true })
      return value
    } catch (error) {
      const outcome =
        error instanceof AppError ? error.message : `It failed; the log has why under ${request.id}.`
      await keep({ ...action, outcome, succeeded: false })
      throw error
    }
  }
}

/** What was done here, and what has changed the system. */
export function addActions(app: App, { history, clock }: Pick<ConsoleParts, 'history' | 'clock'>): void {
  app.get(
    '/api/actions',
    operation('listActions', 'List the actions, the newest first', {
      description: 'Who did what here, and what came of it.',
      querystring: Type.Object(
        {
          limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000, default: 100 })),
          cursor: Type.Optional(cursor),
        },
        { additionalProperties: false },
      ),
      response: { 200: ActionList, ...problems(400, 401) },
    }),
    async ({ query: { limit = 100, cursor } }) => {
      const found = await history.actions({ limit: limit + 1, before: beforeOf(cursor) })
      const data = found.slice(0, limit)
      const last = data.at(-1)
      return { data, next: found.length > limit && last !== undefined ? String(last.id) : null }
    },
  )

  app.get(
    '/api/events',
    operation('listEvents', 'List the events of a span of time', {
      description:
        'What has changed the system: starts, stops, crashes, alerts, replays. The last day by default.',
      querystring: Type.Object(
        {
          from: Type.Optional(Type.Integer({ minimum: 0 })),
          to: Type.Optional(Type.Integer({ minimum: 0 })),
        },
        { additionalProperties: false },
      ),
      response: { 200: EventList, ...problems(400, 401) },
    }),
    async ({ query: { to = clock.now(), from = to - dayMs } }) => ({
      data: [...(await history.events({ from, to }))],
    }),
  )
}

function beforeOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw invalid({ cursor: 'cursor must be one of this list.' })
}
