import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import type { TestContext } from 'node:test'
import { call, dataFolder, run } from './processes.ts'

export const order = { user_id: '3', number_of_items: '5', total_amount: '180' }
export const billingMain = ['services/billing/src/main.ts']

/** Starts a gateway as a process, on a data folder that billing can share. */
export async function startGateway(t: TestContext) {
  const environment = { DATA_DIR: dataFolder(t), LOG_LEVEL: 'silent' }
  const gateway = await run(t, ['services/gateway/src/main.ts'], environment).address('gateway')

  async function post(amount: number, headers = {}): Promise<string | undefined> {
    const response = await call(
      'POST',
      `${gateway}/api/billing/`,
      { ...order, total_amount: `${amount}` },
      headers,
    )
    return response?.status === 200 ? String(Object(response.body).message_id) : undefined
  }

  return {
    environment,
    post,
    /** Posts the amounts 1, 2, 3 and so on from 50 clients until `isOver`; returns those that got 200, by message id. */
    async postMany(isOver: (posted: number) => boolean) {
      const posted = new Map<string, number>()
      let next = 1
      const client = async () => {
        while (!isOver(posted.size)) {
          const amount = next++
          const id = await post(amount)
          if (id !== undefined) posted.set(id, amount)
        }
      }
      await Promise.all(Array.from({ length: 50 }, client))
      return posted
    },
  }
}

/** All orders of billing, page by page; undefined where it does not respond or refuses, as while its event loop is delayed. */
async function ordersOf(billing: string): Promise<{ id: number; total_amount: string }[] | undefined> {
  const orders = []
  for (let query: string | undefined = '?limit=1000'; query !== undefined; ) {
    const page = await call('GET', `${billing}/orders${query}`)
    if (page === undefined || page.status === 503) return undefined
    assert.ok(Array.isArray(page.body), `status ${page.status}`)
    orders.push(...page.body)
    query = /^<[^?>]*(\?[^>]*)>/.exec(page.headers.get('link') ?? '')?.[1]
  }
  return orders
}

/** Waits until billing has stored this many orders; longer than the lease of the messages of a killed process. */
export async function arrived(
  billing: string,
  count: number,
): Promise<{ id: number; total_amount: string }[]> {
  for (let waitedMs = 0; waitedMs < 30_000; waitedMs += 20) {
    const orders = await ordersOf(billing)
    if (orders !== undefined && orders.length >= count) return orders
    await pause(20)
  }
  throw new Error(`There are ${(await ordersOf(billing))?.length ?? 'no'} orders, not ${count}.`)
}

export const amountsOf = (orders: readonly { total_amount: string }[]) =>
  orders.map(({ total_amount }) => Number(total_amount)).toSorted((one, other) => one - other)
