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
 * Translates what Kysely builds for other dialects into MySQL's, so that a store is written once: an insert that conflicts with
 * a row leaves it, or updates it if a condition holds, and counts accordingly. A conflict is with any unique key of the table,
 * not only the named one.
 */
export class MysqlCompiler extends MysqlQueryCompiler {
  protected override visitInsertQuery(node: InsertQueryNode): void {
    if (node.onConflict?.updates !== undefined && rowsOf(node) !== 1)
      throw new Error('MySQL does not report how many of several rows were updated: upsert one at a time.')
    super.visitInsertQuery(node)
  }

  protected override visitOnConflict({ columns = [], updates, updateWhere }: OnConflictNode): void {
    const [column] = columns
    if (column === undefined) throw new Error('An insert with on conflict must name the column.')
    this.append('on duplicate key update ')
    // An update of a column to its own value counts 0.
    if (updates === undefined) this.assign(column, () => this.visitNode(column))
    for (const [index, { column: name, value }] of inOrder(updates ?? [], updateWhere).entries()) {
      if (index > 0) this.append(', ')
      this.assign(name, () => this.visitConditional(updateWhere?.where, value, name))
    }
  }

  private assign(column: OperationNode, visitValue: () => void): void {
    this.visitNode(column)
    this.append(' = ')
    visitValue()
  }

  private visitConditional(
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

/** An assignment sees earlier ones, so a column that the condition reads is assigned last; there must be only one. */
function inOrder(
  updates: readonly ColumnUpdateNode[],
  condition: OperationNode | undefined,
): readonly ColumnUpdateNode[] {
  const names = columnsIn(condition)
  const isRead = ({ column }: ColumnUpdateNode) => columnsIn(column).some((name) => names.includes(name))
  const read = updates.filter(isRead)
  if (read.length > 1)
    throw new Error('The condition of an upsert may read only one of the columns that it updates.')
  return [...updates.filter((update) => !isRead(update)), ...read]
}

function columnsIn(node: unknown): string[] {
  if (Array.isArray(node)) return node.flatMap(columnsIn)
  if (typeof node !== 'object' || node === null) return []
  return isColumn(node) ? [node.column.name] : Object.values(node).flatMap(columnsIn)
}

function isColumn(node: object): node is ColumnNode {
  return 'kind' in node && node.kind === 'ColumnNode'
}
