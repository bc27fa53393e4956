import { createRoundRobin } from '@quintet/chassis/concurrency'
import type { RecordedResponse } from '@quintet/chassis/idempotency'
import type { Balance } from './order.ts'
import type { AccountStore } from './port.ts'
import { balanceBody } from './representations.ts'
import type { Print } from './representations.ts'
import { turnsUntil } from './turns.ts'
import type { Turns } from './turns.ts'

/** No text of a client can be taken for it, since a quotation mark within a string of JSON follows a backslash. */
const balanceReference = /"current_balance":(\d+)/g

/**
 * Puts the balances into a response that has the sequences of their orders in their place, many or large ones over several turns of
 * the event loop.
 */
export async function withBalances(
  response: RecordedResponse,
  balances: ReadonlyMap<number, Balance>,
  print: Print,
  turns: Turns,
): Promise<RecordedResponse> {
  let body = ''
  let end = 0
  let positions = 0
  for (const { 0: reference, 1: sequence, index } of response.body.matchAll(balanceReference)) {
    const balance = balanceIn(balances, Number(sequence))
    const text = JSON.stringify(balanceBody(balance, print))
    body += `${response.body.slice(end, index)}"current_balance":${text}`
    end = index + reference.length
    positions += balance.positions.size
    if (positions < positionsPerTurnMax) continue
    positions = 0
    await turns.next()
  }
  return { ...response, body: body + response.body.slice(end) }
}

/** The balance after the order of a sequence, which must have been found. */
export function balanceIn(balances: ReadonlyMap<number, Balance>, sequence: number): Balance {
  const balance = balances.get(sequence)
  if (balance === undefined) throw new Error(`No balance of order ${sequence} was found.`)
  return balance
}

/** How many positions are printed without a turn of the event loop. */
export const positionsPerTurnMax = 1_000

/**
 * Completes a response that was recorded for a request of an account. `client` is the network of the client that repeats it. Rejects with
 * `client_closed_request`, without further work, once the client is gone.
 */
type Restore = (
  recorded: RecordedResponse,
  repetition: {
    readonly client: string
    readonly accountId: number
    readonly print: Print
    isAbandoned(): boolean
  },
) => Promise<RecordedResponse>

/**
 * Completes recorded responses with the balances that they refer to: one at a time, since one of a few bytes may list 20,000 positions,
 * and in turn for each client. An earlier version recorded the balances themselves, so that there is nothing to replace.
 */
export function createRestore(accounts: Pick<AccountStore, 'findBalances'>, turns: Turns): Restore {
  const inTurn = createRoundRobin({
    concurrencyMax: 1,
    waitingMax: restoresWaitingMax,
    refusal: 'Too many repeated requests are waiting; retry.',
  })
  return async (recorded, { client, accountId, print, isAbandoned }) => {
    const sequences = Array.from(recorded.body.matchAll(balanceReference), ([, sequence]) => Number(sequence))
    if (sequences.length === 0) return recorded
    const own = turnsUntil(isAbandoned, turns)
    return inTurn(client, async () => {
      if (!own.hasTime()) await own.next()
      const balances = await accounts.findBalances(accountId, sequences, own)
      return withBalances(recorded, balances, print, own)
    })
  }
}

const restoresWaitingMax = 256
