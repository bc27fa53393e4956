import type { FastifySchema } from 'fastify'
import { Type } from 'typebox'
import { invalid } from '../errors/index.ts'
import type { PromiseState } from '../promises/index.ts'
import type { App, Observed } from './app-options.ts'
import { problems } from './problem.ts'
import type { WrongValueCode } from './validation.ts'

const orNull = (description: string) => Type.Union([Type.Number(), Type.Null()], { description })

const PromiseCheck = Type.Object(
  {
    id: Type.String({ description: 'Unique in its service.' }),
    service: Type.String(),
    title: Type.String({ description: 'What is promised.' }),
    guarantee: Type.String({ description: 'Its place in the documentation.' }),
    verdict: Type.Union([Type.Literal('kept'), Type.Literal('broken'), Type.Literal('unknown')]),
    found: Type.String({ description: 'What was looked at, and what was found.' }),
    sample: Type.Integer({ minimum: 0, description: 'How many things were looked at.' }),
    at: orNull('When it was checked, in milliseconds since 1970; null if it was not.'),
    durationMs: orNull('How long that has taken.'),
    command: Type.String({ description: 'The command that tries to break it.' }),
  },
  { title: 'PromiseCheck' },
)
const PromiseChecks = Type.Object({ data: Type.Array(PromiseCheck) }, { title: 'PromiseChecks' })

const Chosen = Type.Object(
  {
    check: Type.Optional(
      Type.String({
        maxLength: 100,
        description:
          'Checks the promise of this id now, unless that was done within 5 s, and responds with it alone.',
      }),
    ),
    service: Type.Optional(
      Type.String({
        maxLength: 100,
        description: 'Only promises of this service, where several run in the process.',
      }),
    ),
  },
  { additionalProperties: false },
)

/** The promises of the app, unless they are on the listener for operations. */
export function addPromiseRoutes(app: App, wrongValueCode: WrongValueCode = 'invalid'): void {
  if (app.observed.isElsewhere) return
  addPromises(app, [app.observed], {
    tags: ['operation'],
    scope: 'quintet:observe',
    operationId: 'getPromises',
    summary: 'Are the promises kept?',
    description: 'What the last check of each promise has found; with `check`, one that is made now.',
    response: wrongValueCode === 'unprocessable' ? problems(422) : {},
  })
}

/** The promises of several services. */
export function addPromises(
  app: App,
  services: readonly Observed[],
  { response, ...schema }: FastifySchema & { readonly response?: ReturnType<typeof problems> },
): void {
  app.get(
    '/health/promises',
    { schema: { ...schema, querystring: Chosen, response: { ...response, 200: PromiseChecks } } },
    async ({ query: { check, service } }) => {
      const chosen = services.filter(({ name }) => service === undefined || name === service)
      if (chosen.length === 0)
        throw invalid({ service: `service must be ${listOf(services.map(({ name }) => name))}.` })
      return { data: check === undefined ? statesOf(chosen) : await checked(chosen, check) }
    },
  )
}

async function checked(services: readonly Observed[], id: string): Promise<PromiseState[]> {
  const checks = services.flatMap(({ promises }) => promises.check(id) ?? [])
  if (checks.length > 0) return Promise.all(checks)
  const ids = statesOf(services).map((state) => state.id)
  throw invalid({ check: `check must be ${listOf([...new Set(ids)])}.` })
}

function statesOf(services: readonly Observed[]): PromiseState[] {
  return services.flatMap(({ promises }) => promises.states())
}

function listOf(words: readonly string[]): string {
  return words.length === 0 ? 'absent: nothing is checked' : `one of ${words.join(', ')}`
}
