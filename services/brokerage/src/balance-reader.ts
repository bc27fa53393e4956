import type { AccountStore } from './port.ts'
import { movementOf, trade } from './order.ts'
import type { Balance } from './order.ts'
import type { Turns } from './turns.ts'

/** An order that is stored with the balance after it. */
export type Checkpoint = { readonly sequence: number; readonly balance: Balance }

type Parts = Pick<AccountStore, 'listOrders'> & {
  /** The checkpoint of an order, which may be the order itself. */
  findCheckpoint(id: number, sequence: number): Promise<Checkpoint | undefined>
}

/** Finds balances by applying the orders after a checkpoint to the balance that is stored with it. */
export function createBalanceReader({ findCheckpoint, listOrders }: Parts): AccountStore['findBalances'] {
  /** The balances after the orders of these ascending sequences. */
  async function read(
    id: number,
    sequences: readonly number[],
    turns: Turns,
    balances: Map<number, Balance>,
  ) {
    const [first = 0] = sequences
    const last = sequences.at(-1) ?? first
    if (!turns.hasTime()) await turns.next()
    const checkpoint = await findCheckpoint(id, first)
    if (checkpoint === undefined) throw new Error(`No checkpoint of order ${first} was found.`)
    const wanted = new Set(sequences)
    const positions = new Map(checkpoint.balance.positions)
    let { cash } = checkpoint.balance
    function reach(sequence: number): void {
      if (wanted.has(sequence)) balances.set(sequence, { cash, positions: new Map(positions) })
    }
    reach(checkpoint.sequence)
    for (let after = checkpoint.sequence; after < last; ) {
      if (!turns.hasTime()) await turns.next()
      const orders = await listOrders(id, { after, limit: Math.min(last - after, ordersPerPage) })
      for (const { sequence, order, refusals } of orders) {
        if (refusals.length === 0) {
          cash += movementOf(order).amount
          trade(positions, order, sequence)
        }
        reach(sequence)
      }
      after = orders.at(-1)?.sequence ?? last
    }
  }

  return async (id, sequences, turns) => {
    const balances = new Map<number, Balance>()
    for (const run of runsOf(sequences)) await read(id, run, turns, balances)
    return balances
  }
}

/** How many orders are read and applied without a turn of the event loop. */
const ordersPerPage = 250
/** Orders that are closer than this to each other are read together. */
const gapMax = 32

/** The sequences in ascending order, divided where the next is far. */
function runsOf(sequences: readonly number[]): number[][] {
  const runs: number[][] = []
  for (const sequence of [...new Set(sequences)].sort((a, b) => a - b)) {
    const run = runs.at(-1)
    if (run !== undefined && sequence - (run.at(-1) ?? 0) <= gapMax) run.push(sequence)
    else runs.push([sequence])
  }
  return runs
}
