import { prepareQuery, returnedBy } from '@quintet/chassis/database'
import type { Database, Placeholders } from '@quintet/chassis/database'
import type { Owner } from '@quintet/chassis/guard'
import type { BillingMessage } from '@quintet/contracts'
import type { Generated, Kysely, Selectable } from 'kysely'

/**
 * `inbox` has every message that an order was made of, as long as the order; `failure` those that became dead letters. The owner is that of
 * the message, null if it has none.
 */
export type OrderTables = {
  orders: {
    id: Generated<number>
    user_id: string
    number_of_items: number
    total_amount: string
    owner: Owner
  }
  inbox: { message_id: string; order_id: number }
  failure: Failure
}

/** Why no order was made of a message, in words for clients. */
type Failure = { message_id: string; code: string; detail: string; owner: Owner }

export type Order = Selectable<OrderTables['orders']>

export type OrderStore = ReturnType<typeof createOrderStore>

/** Orders in a SQL database, each stored in one unit with the id of its message. */
export function createOrderStore(database: Database<OrderTables>) {
  const statements = prepareStatements(database.query)

  function listStatement(page: Page, user_id?: string, owner?: Owner) {
    if (owner === undefined)
      return user_id === undefined ? statements.list(page) : statements.listOfUser({ ...page, user_id })
    return user_id === undefined
      ? statements.listOfOwner({ ...page, owner })
      : statements.listOfOwnersUser({ ...page, owner, user_id })
  }

  return {
    /** Stores the order of a message; false, without a change, when this message was stored before. */
    async store(messageId: string, order: BillingMessage, owner: Owner): Promise<boolean> {
      const insert = statements.insert({ ...order, number_of_items: Number(order.number_of_items), owner })
      const receive = statements.receive({ message_id: messageId, order_id: returnedBy(insert, 'id') })
      const { failedStatement } = await database.commit([insert, { ...receive, mustAffectRows: true }])
      return failedStatement === undefined
    },

    async find(id: number): Promise<Order | undefined> {
      const [row] = await database.read(statements.find({ id }))
      return row
    },

    async findByMessage(messageId: string): Promise<Order | undefined> {
      const [row] = await database.read(statements.findByMessage({ message_id: messageId }))
      return row
    },

    /** Records that a message becomes a dead letter. */
    async fail(failure: Failure): Promise<void> {
      await database.commit([statements.fail(failure)])
    },

    async findFailure(messageId: string): Promise<Failure | undefined> {
      const [row] = await database.read(statements.findFailure({ message_id: messageId }))
      return row
    },

    /** A page of the orders, of one user or of all, and of one owner or of all, in the order in which they were stored. */
    async list(page: Page, { userId, owner }: ListFilter): Promise<readonly Order[]> {
      return database.read(listStatement(page, userId, owner))
    },
  }
}

type NewOrder = { user_id: string; number_of_items: number; total_amount: string; owner: Owner }
type Page = { after: number; limit: number }
/** Without an owner it lists the orders of all; null is nobody, who owns none. */
type ListFilter = { readonly userId: string | undefined; readonly owner?: Owner }

function prepareStatements(db: Kysely<OrderTables>) {
  const orders = db.selectFrom('orders').select(['id', 'user_id', 'number_of_items', 'total_amount', 'owner'])
  const page = (p: Placeholders<Page>) => orders.where('id', '>', p.after).orderBy('id').limit(p.limit)
  return {
    insert: prepareQuery((p: Placeholders<NewOrder>) =>
      db
        .insertInto('orders')
        .values({
          user_id: p.user_id,
          number_of_items: p.number_of_items,
          total_amount: p.total_amount,
          owner: p.owner,
        })
        .returning('id'),
    ),
    receive: prepareQuery((p: Placeholders<OrderTables['inbox']>) =>
      db
        .insertInto('inbox')
        .values({ message_id: p.message_id, order_id: p.order_id })
        .onConflict((conflict) => conflict.column('message_id').doNothing()),
    ),
    find: prepareQuery((p: Placeholders<{ id: number }>) => orders.where('id', '=', p.id)),
    findByMessage: prepareQuery((p: Placeholders<{ message_id: string }>) =>
      orders.where('id', '=', ({ selectFrom }) =>
        selectFrom('inbox').select('order_id').where('message_id', '=', p.message_id),
      ),
    ),
    fail: prepareQuery((p: Placeholders<Failure>) =>
      db
        .insertInto('failure')
        .values({ message_id: p.message_id, code: p.code, detail: p.detail, owner: p.owner })
        .onConflict((conflict) =>
          conflict.column('message_id').doUpdateSet((row) => ({
            code: row.ref('excluded.code'),
            detail: row.ref('excluded.detail'),
            owner: row.ref('excluded.owner'),
          })),
        ),
    ),
    findFailure: prepareQuery((p: Placeholders<{ message_id: string }>) =>
      db.selectFrom('failure').selectAll().where('message_id', '=', p.message_id),
    ),
    list: prepareQuery((p: Placeholders<Page>) => page(p)),
    listOfUser: prepareQuery((p: Placeholders<Page & { user_id: string }>) =>
      page(p).where('user_id', '=', p.user_id),
    ),
    listOfOwner: prepareQuery((p: Placeholders<Page & { owner: Owner }>) =>
      page(p).where('owner', '=', p.owner),
    ),
    listOfOwnersUser: prepareQuery((p: Placeholders<Page & { owner: Owner; user_id: string }>) =>
      page(p).where('owner', '=', p.owner).where('user_id', '=', p.user_id),
    ),
  }
}
