import type { Owner } from '@quintet/chassis/guard'
import { dependencyDown } from '@quintet/chassis/errors'
import { checkEach } from '@quintet/chassis/promises'
import type { CheckedPromise } from '@quintet/chassis/promises'
import { getFrom } from './get-from.ts'
import type { Upstream } from './upstream.ts'

/** Enough for a check each minute; an older one gives way to a newer. */
const rememberedMax = 200
const timeoutMs = 1_000

export type PostedOrders = ReturnType<typeof createPostedOrders>

/** The ids of the newest orders that were posted here, without an owner: billing shows those of an owner to that one alone. */
export function createPostedOrders() {
  const ids = new Set<string>()
  return {
    add(id: string, owner: Owner): void {
      if (owner !== null) return
      ids.add(id)
      const [oldest] = ids
      if (ids.size > rememberedMax && oldest !== undefined) ids.delete(oldest)
    },
    ids: (): readonly string[] => [...ids],
    /** It has reached an end, so that there is nothing more to check. */
    forget: (id: string) => void ids.delete(id),
  }
}

/** What is promised of posted orders, as far as the gateway can check it: by their status in billing. */
export function postedOrdersPromise({
  posted,
  billing,
}: {
  posted: PostedOrders
  billing: Pick<Upstream, 'endpoints'> | undefined
}): CheckedPromise {
  return {
    id: 'posted-orders',
    title: 'Each posted order is stored, or its message waits or is a dead letter.',
    guarantee: 'a-posted-order-is-stored-exactly-once',
    check: checkEach({
      noun: 'posted order',
      chosen: 'of the newest',
      kept: 'each is stored, waits or is a dead letter',
      pick: async (max) => sampleOf(posted.ids(), max),
      async faultOf(id) {
        const status = await statusOf(billing, id)
        if (status === undefined)
          return 'it is neither stored nor waits, and is no dead letter, unless an operator has dropped it'
        if (status !== 'pending') posted.forget(id)
        return undefined
      },
    }),
  }
}

function sampleOf(ids: readonly string[], max: number): string[] {
  const from = Math.floor(Math.random() * ids.length)
  return [...ids.slice(from), ...ids.slice(0, from)].slice(0, max)
}

/** `stored`, `pending` or `failed`; undefined where billing has no such message. Rejects where billing does not respond with it. */
async function statusOf(
  billing: Pick<Upstream, 'endpoints'> | undefined,
  id: string,
): Promise<string | undefined> {
  const endpoints = billing?.endpoints() ?? []
  const endpoint = endpoints.find((one) => one.isReady()) ?? endpoints[0]
  if (endpoint === undefined) throw dependencyDown('Billing has no address.')
  const target = `/orders/by-message/${id}`
  const { head, body } = await getFrom(endpoint, { target, fields: {}, timeoutMs }).catch(
    (error: unknown) => {
      throw dependencyDown('Billing does not respond, so that nothing is known.', error)
    },
  )
  if (head.status === 404) return undefined
  const document: unknown = head.status === 200 ? JSON.parse(body.toString()) : undefined
  const status: unknown = document instanceof Object ? Reflect.get(document, 'status') : undefined
  if (typeof status === 'string') return status
  throw dependencyDown(`Billing responds with ${head.status}, so that nothing is known.`)
}
