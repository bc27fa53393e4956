import type { FastifyRequest } from 'fastify'
import { Compile } from 'typebox/schema'
import type { TSchema } from 'typebox'
import { AppError } from '../errors/index.ts'
import type { App } from './app-options.ts'
import { Problem } from './problem.ts'

type Check = (value: unknown) => string | undefined

/**
 * For tests and development: a response that differs from the description of its route becomes a 500 with the difference.
 * Members that a schema does not describe are faults too. Forms get responses of their own, which are not checked.
 */
export function checkResponses(app: App): void {
  const checks = new WeakMap<object, Check>()

  function checkOf(schema: TSchema): Check {
    const check = checks.get(schema) ?? compile(schema)
    checks.set(schema, check)
    return check
  }

  app.addHook('onSend', async (request, reply, payload) => {
    const type = String(reply.getHeader('content-type') ?? '')
    if (typeof payload !== 'string' || !type.includes('json') || isForm(request)) return payload
    const { statusCode: status } = reply
    const schema = status >= 400 ? Problem : responseSchema(request, status)
    if (schema === undefined) return payload
    const fault = schema === 'none' ? 'its route does not describe it' : checkOf(schema)(JSON.parse(payload))
    if (fault === undefined) return payload
    const title = `${request.method} ${request.routeOptions.url} ${status}`
    throw new AppError('internal', `The response ${title} does not fit its description: ${fault}.`)
  })
}

/** The description of responses with a status; undefined for a route that is not described. */
function responseSchema({ routeOptions }: FastifyRequest, status: number): TSchema | 'none' | undefined {
  const responses: unknown = routeOptions.schema?.response
  if (!isObject(responses)) return undefined
  const described = responses[status]
  if (!isObject(described)) return 'none'
  const { content } = described
  const json = isObject(content) ? content['application/json'] : undefined
  if (content !== undefined && !isObject(json)) return 'none'
  return isObject(json) && isObject(json.schema) ? json.schema : described
}

function compile(schema: TSchema): Check {
  const compiled = Compile(schema === Problem ? schema : closed(schema))
  return (value) => {
    if (compiled.Check(value)) return undefined
    const [, faults] = compiled.Errors(value)
    return faults.map(({ instancePath, message }) => `${instancePath} ${message}`).join(', ')
  }
}

/** A copy in which every object has the described members only, unless none are described. */
function closed(schema: TSchema): TSchema {
  const members = Object.entries(schema).map(([name, member]: [string, unknown]) => [
    name,
    closedMember(member),
  ])
  const copy: TSchema = Object.fromEntries(members)
  const { type, properties } = copy as Record<string, unknown>
  const isDescribed = type === 'object' && isObject(properties) && Object.keys(properties).length > 0
  return isDescribed ? { ...copy, additionalProperties: false } : copy
}

function closedMember(member: unknown): unknown {
  if (Array.isArray(member)) return member.map(closedMember)
  return isObject(member) ? closed(member) : member
}

function isForm({ headers }: FastifyRequest): boolean {
  return headers['content-type']?.startsWith('application/x-www-form-urlencoded') === true
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
