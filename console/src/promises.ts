import { createShared } from '@quintet/chassis/concurrency'
import { AppError } from '@quintet/chassis/errors'
import { describeOperations, problems } from '@quintet/chassis/http'
import type { App } from '@quintet/chassis/http'
import { Type } from 'typebox'
import type { ConsoleParts, ObservedService } from './parts.ts'
import { createSettingsCheck } from './settings-check.ts'
import { fetchPromises } from './service-promises.ts'
import { PromiseCheck, PromiseList } from './wire/index.ts'

const operation = describeOperations('promises')
/** More often than services check by themselves, so that a change of verdict is found though nobody looks. */
const pollIntervalMs = 30_000

type Parts = Pick<ConsoleParts, 'services' | 'history' | 'clock'> & { readonly pollMs?: number }

const Chosen = Type.Object({
  service: Type.String({ maxLength: 100 }),
  id: Type.String({ maxLength: 100 }),
})

/** What each service has found about its promises, and what checks one of them now. */
export function addPromises(app: App, parts: Parts): void {
  const { services, pollMs = pollIntervalMs } = parts
  const observed = services.map((service) => observe(service, parts))
  const listAll = createShared(async () => (await Promise.all(observed.map(({ list }) => list()))).flat())

  app.get(
    '/api/promises',
    operation('listPromises', 'List the promises with what their last checks have found', {
      description: 'Those of a service that does not respond are `unknown`, with the reason.',
      querystring: Type.Object(
        { verdict: Type.Optional(PromiseCheck.properties.verdict) },
        { additionalProperties: false },
      ),
      response: { 200: PromiseList, ...problems(400, 401) },
    }),
    async ({ query: { verdict } }) => {
      const all = await listAll()
      return { data: verdict === undefined ? all : all.filter((check) => check.verdict === verdict) }
    },
  )

  app.post(
    '/api/promises/:service/:id/check',
    operation('checkPromise', 'Check a promise now', {
      scope: 'quintet:observe',
      description: 'Unless that was done within 5 s. It changes nothing.',
      params: Chosen,
      response: { 200: PromiseCheck, ...problems(401, 403, 404, 415) },
    }),
    async ({ params: { service, id } }) => {
      const found = observed.find(({ name }) => name === service)
      if (found === undefined) throw new AppError('not_found', `There is no service "${service}".`)
      return found.check(id)
    },
  )

  const timer = setInterval(() => void listAll(), pollMs).unref()
  app.addHook('onClose', async () => clearInterval(timer))
}

/** The promises of a service, as they were last known. */
function observe(service: ObservedService, { history, clock }: Parts) {
  const { name } = service
  const settings = createSettingsCheck(service, clock)
  let known: readonly PromiseCheck[] = []
  const verdicts = new Map<string, PromiseCheck['verdict']>()

  /** Only what is known is compared, so that a restart is no change. */
  async function keepChange({ id, verdict, found }: PromiseCheck): Promise<void> {
    if (verdict === 'unknown') return
    const before = verdicts.get(id) ?? 'kept'
    verdicts.set(id, verdict)
    if (before === verdict) return
    const text =
      verdict === 'broken'
        ? `A promise of ${name}, ${id}, is broken: ${found}`
        : `The promise ${id} of ${name} is kept again: ${found}`
    await history.addEvent({ at: clock.now(), kind: 'promise', service: name, text })
  }

  return {
    name,

    async list(): Promise<readonly PromiseCheck[]> {
      const found = await fetchPromises(service)
      if (typeof found === 'string') return [...unknown(name, known, found), settings.state()]
      known = found
      for (const check of found) await keepChange(check)
      return [...found, settings.state()]
    },

    async check(id: string): Promise<PromiseCheck> {
      if (id === settings.id) {
        const found = await settings.check()
        await keepChange(found)
        return found
      }
      const found = await fetchPromises(service, id)
      const [check] =
        typeof found === 'string' ? unknown(name, known, found).filter((one) => one.id === id) : found
      if (check === undefined) throw new AppError('not_found', `${name} checks no promise "${id}".`)
      await keepChange(check)
      return check
    },
  }
}

/** The same promises while nothing is known of them; one for all where it is not known which there are. */
function unknown(service: string, known: readonly PromiseCheck[], found: string): readonly PromiseCheck[] {
  const state = { verdict: 'unknown' as const, found, sample: 0, at: null, durationMs: null }
  if (known.length > 0) return known.map((check) => ({ ...check, ...state }))
  return [
    {
      id: 'all',
      service,
      title: `What ${service} promises.`,
      guarantee: 'docs/guarantees.md#checked-on-the-running-system',
      command: 'npm run prove',
      ...state,
    },
  ]
}
