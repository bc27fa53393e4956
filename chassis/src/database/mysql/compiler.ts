import { MysqlQueryCompiler, ValuesNode } from 'kysely'
import type {
  ColumnNode,
  ColumnUpdateNode,
  InsertQueryNode,
  OnConflictNode,
  OperationNode,
  ReferenceNode,
  ReturningNode,
} from 'kysely'

/**
 * Says in MySQL's words what Kysely builds for others, so that a store is written once: an insert that meets a row leaves it, or
 * changes it where a condition holds, and counts accordingly. Any unique key of the table is met, not only the named one.
 */
export class MysqlCompiler extends MysqlQueryCompiler {
  protected override visitInsertQuery(node: InsertQueryNode): void {
    if (node.onConflict?.updates !== undefined && rowsOf(node) !== 1)
      throw new Error('MySQL does not tell how many of several rows were changed: upsert one at a time.')
    super.visitInsertQuery(node)
  }

  protected override visitOnConflict({ columns = [], updates, updateWhere }: OnConflictNode): void {
    const [column] = columns
    if (column === undefined) throw new Error('An insert that may meet a row must name the column.')
    this.append('on duplicate key update ')
    // What is changed to what it is already counts as none.
    if (updates === undefined) this.assign(column, () => this.visitNode(column))
    for (const [index, { column: name, value }] of inOrder(updates ?? [], updateWhere).entries()) {
      if (index > 0) this.append(', ')
      this.assign(name, () => this.visitChoice(updateWhere?.where, value, name))
    }
  }

  private assign(column: OperationNode, visitValue: () => void): void {
    this.visitNode(column)
    this.append(' = ')
    visitValue()
  }

  private visitChoice(
    condition: OperationNode | undefined,
    value: OperationNode,
    other: OperationNode,
  ): void {
    if (condition === undefined) {
      this.visitNode(value)
      return
    }
    this.append('if(')
    this.visitNode(condition)
    this.append(', ')
    this.visitNode(value)
    this.append(', ')
    this.visitNode(other)
    this.append(')')
  }

  /** `excluded` is the row that would have been inserted. */
  protected override visitReference(node: ReferenceNode): void {
    if (node.table?.table.identifier.name === 'excluded') {
      this.append('values(')
      this.visitNode(node.column)
      this.append(')')
    } else super.visitReference(node)
  }

  protected override visitReturning(_: ReturningNode): void {
    throw new Error('MySQL has no RETURNING: let a select follow in the same unit.')
  }
}

function rowsOf({ values }: InsertQueryNode): number {
  return values !== undefined && ValuesNode.is(values) ? values.values.length : Number.NaN
}

/** Assignments see those before them, so the column that the condition looks at comes last; there must not be two. */
function inOrder(
  updates: readonly ColumnUpdateNode[],
  condition: OperationNode | undefined,
): readonly ColumnUpdateNode[] {
  const names = columnsIn(condition)
  const [seen = [], unseen = []] = [true, false].map((wanted) =>
    updates.filter(({ column }) => columnsIn(column).some((name) => names.includes(name)) === wanted),
  )
  if (seen.length > 1)
    throw new Error('An upsert may look at one of the columns that it changes, not at more.')
  return [...unseen, ...seen]
}

function columnsIn(node: unknown): string[] {
  if (Array.isArray(node)) return node.flatMap(columnsIn)
  if (typeof node !== 'object' || node === null) return []
  return isColumn(node) ? [node.column.name] : Object.values(node).flatMap(columnsIn)
}

function isColumn(node: object): node is ColumnNode {
  return 'kind' in node && node.kind === 'ColumnNode'
}
