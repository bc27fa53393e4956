import {
  createQueryId,
  InsertQueryNode,
  PostgresQueryCompiler,
  PrimitiveValueListNode,
  RawNode,
  ValueNode,
  ValuesNode,
} from 'kysely'
import type { CompiledQuery, OperationNode } from 'kysely'
import { replaceParameters } from './sql-text.ts'

/**
 * The insert of many rows by one statement, with an array in the place of each parameter, made of the insert of one row;
 * undefined where it is another kind of query. A row that would be skipped because its key is taken fails here: to look for
 * the key costs a tenth of the insert.
 */
export function batchInsertSql(query: CompiledQuery['query'] | undefined): string | undefined {
  const values = query === undefined ? undefined : insertedValues(query)
  if (query === undefined || values === undefined || !InsertQueryNode.is(query)) return undefined
  const { onConflict: _, ...insert } = query
  const select = { ...insert, values: selectOf(values) }
  const { sql, parameters } = new PostgresQueryCompiler().compileQuery(select, createQueryId())
  const arrays = parameters.map((_, i) => `$${i + 1}`).join(', ')
  const columns = parameters.map((_, i) => `p${i + 1}`).join(', ')
  return `${replaceParameters(sql, (number) => `q.p${number}`)}
from unnest(${arrays}) with ordinality as q(${columns}, at) order by q.at`
}

/** The values of an insert of one row, where each is a parameter or a literal and nothing but `on conflict do nothing` follows. */
function insertedValues(query: OperationNode): readonly OperationNode[] | undefined {
  if (!InsertQueryNode.is(query)) return undefined
  const { kind: _kind, into: _into, columns, values, onConflict, ...others } = query
  if (columns === undefined || values === undefined || !ValuesNode.is(values)) return undefined
  if (Object.values(others).some(Boolean) || onConflict?.doNothing === false || onConflict?.updates)
    return undefined
  const [row, ...furtherRows] = values.values
  if (row === undefined || furtherRows.length > 0) return undefined
  const nodes = PrimitiveValueListNode.is(row)
    ? row.values.map((value) => ValueNode.create(value))
    : row.values
  return nodes.every(isPlainValue) ? nodes : undefined
}

function isPlainValue(node: OperationNode): boolean {
  if (ValueNode.is(node)) return true
  return (
    RawNode.is(node) && node.sqlFragments.every((text) => text === '') && node.parameters.every(isPlainValue)
  )
}

function selectOf(values: readonly OperationNode[]): RawNode {
  const fragments = ['select ', ...values.slice(1).map(() => ', '), '']
  return RawNode.create(fragments, values)
}
