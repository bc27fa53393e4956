import { TimeoutError, withTimeout } from '@quintet/chassis/clock'
import { AppError, operatorMessage } from '@quintet/chassis/errors'
import { describeOperations, problems } from '@quintet/chassis/http'
import type { App } from '@quintet/chassis/http'
import type { ServiceName } from '@quintet/contracts/topology'
import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { noFigures } from './figures.ts'
import type { ConsoleParts, ObservedService, ServiceControl } from './parts.ts'
import type { KnownState, States } from './states.ts'
import { ServiceDetail, ServiceList } from './wire/index.ts'
import type { ServiceSummary } from './wire/index.ts'

const operation = describeOperations('services')
const actionTimeoutMs = 15_000

/** What is known of a service by its metrics. */
type Measured = Pick<ServiceSummary, 'figures' | 'version' | 'process'>

type Parts = Pick<ConsoleParts, 'services' | 'act'> & {
  readonly states: States
  /** Undefined where nothing is. */
  readonly measuredOf: (name: ServiceName) => Measured | undefined
  /** The version of this process, and of the services in it. */
  readonly version: string
  /** How long an action may take. */
  readonly timeoutMs?: number
}

const Named = Type.Object({ name: Type.String({ maxLength: 100 }) })

/** The state of each service, its settings, and what stops and starts it. */
export function addServices(app: App, parts: Parts): void {
  const { services } = parts

  app.get(
    '/api/services',
    operation('listServices', 'List the services with their state', {
      response: { 200: ServiceList, ...problems(401) },
    }),
    async () => ({
      data: await Promise.all(
        services.map(async (service) => summaryOf(service, await stateOf(service, parts), parts)),
      ),
    }),
  )

  app.get(
    '/api/services/:name',
    operation('getService', 'Get a service with its settings', {
      description:
        'Settings are without secrets. With `doctor=1` its engines are examined as well, as by `quintet doctor`.',
      params: Named,
      querystring: Type.Object({ doctor: Type.Optional(Type.Literal('1')) }, { additionalProperties: false }),
      response: { 200: ServiceDetail, ...problems(400, 401, 404) },
    }),
    async ({ params, query }) => detailOf(serviceNamed(services, params.name), parts, query.doctor === '1'),
  )

  for (const [verb, { past, run }] of Object.entries(verbs))
    app.post(
      `/api/services/:name/${verb}`,
      operation(`${verb}Service`, `${verb[0]?.toUpperCase()}${verb.slice(1)} a service`, {
        description: `Responds once the service is ${past}. 409 for one that runs in another process; 504 after 15 s, with what it waits for.`,
        params: Named,
        response: { 200: ServiceDetail, ...problems(401, 403, 404, 409, 415, 503, 504) },
      }),
      async (request) => {
        const { name } = Object(request.params)
        const service = serviceNamed(services, String(name))
        await moveService(request, { service, verb, past, run }, parts)
        return detailOf(service, parts, false)
      },
    )
}

type Verb = { readonly past: string; readonly run: (control: ServiceControl) => Promise<void> }

const verbs: Readonly<Record<string, Verb>> = {
  start: { past: 'started', run: ({ start }) => start() },
  stop: { past: 'stopped', run: ({ stop }) => stop() },
  restart: {
    past: 'started again',
    async run({ stop, start }) {
      await stop()
      await start()
    },
  },
}

async function moveService(
  request: FastifyRequest,
  { service, verb, past, run }: Verb & { service: ObservedService; verb: string },
  { act, states, timeoutMs = actionTimeoutMs }: Parts,
): Promise<void> {
  const { name, control } = service
  await act(request, { what: verb, on: name }, async () => {
    if (control === undefined)
      throw new AppError('conflict', `${name} runs in another process; ${verb} it there.`)
    const before = control.state()
    try {
      await withTimeout(timeoutMs, run(control))
    } catch (error) {
      if (error instanceof TimeoutError)
        throw new AppError(
          'gateway_timeout',
          `${name} is still ${waitingOf(control)} after ${timeoutMs / 1_000} s.`,
        )
      const reason = operatorMessage(error, name)
      if (reason === undefined || error instanceof AppError) throw error
      throw new AppError('dependency_down', `${name} cannot ${verb}: ${reason}`, { cause: error })
    }
    const after = control.state()
    // The change becomes an event.
    await states.stateOf(name)
    return {
      value: undefined,
      outcome: before === after && verb !== 'restart' ? `It was ${after} already.` : `It is ${past}.`,
    }
  })
}

/** What a service is busy with, which an action waits for. */
function waitingOf({ state }: ServiceControl): string {
  const now = state()
  if (now === 'closing') return 'closing: it finishes requests, or what they have begun,'
  return now === 'starting' ? 'starting: it opens its storage' : now
}

function serviceNamed(services: readonly ObservedService[], name: string): ObservedService {
  const found = services.find((service) => service.name === name)
  if (found === undefined) throw new AppError('not_found', `There is no service "${name}".`)
  return found
}

function summaryOf(
  service: ObservedService,
  { state, fault, since }: KnownState,
  parts: Parts,
): ServiceSummary {
  const { name, title, url, control } = service
  const isHere = control !== undefined
  const measured = parts.measuredOf(name)
  return {
    name,
    title,
    state,
    fault,
    since,
    isHere,
    url: url(),
    version: isHere ? parts.version : (measured?.version ?? ''),
    process: isHere ? thisProcess() : (measured?.process ?? unknownProcess),
    figures: measured?.figures ?? noFigures,
  }
}

async function detailOf(service: ObservedService, parts: Parts, isExamined: boolean): Promise<ServiceDetail> {
  const known = await stateOf(service, parts)
  const summary = summaryOf(service, known, parts)
  const findings = isExamined ? await service.examine() : undefined
  return {
    ...summary,
    dependencies: known.dependencies,
    settings: service.settings(),
    // What cannot be read is in the state of the service.
    migrationsPending: await service.migrationsPending().catch(() => []),
    findings: findings?.map(({ verdict, text }) => ({ level: verdict, subject: service.name, text })) ?? null,
  }
}

async function stateOf({ name }: ObservedService, { states }: Parts): Promise<KnownState> {
  const found = await states.stateOf(name)
  if (found === undefined) throw new TypeError(`${name} is not observed.`)
  return found
}

const unknownProcess = { id: null, memoryBytes: null, startedAt: null }

function thisProcess(): ServiceSummary['process'] {
  return {
    id: process.pid,
    memoryBytes: process.memoryUsage.rss(),
    startedAt: Math.round(performance.timeOrigin),
  }
}
