import type { Statement } from '../port.ts'
import { valuePlaceholder, Reference } from '../reference.ts'
import { replaceParameters, returnsRows } from './sql-text.ts'

/** How a unit looks whatever its values are: units of one shape run by one function. */
export type Shape = {
  readonly id: number
  readonly steps: readonly Step[]
  /** Whether its units must have taken effect by some time. */
  readonly hasDeadline: boolean
}

export type Step = {
  readonly sql: string
  readonly batchSql: string | undefined
  readonly mustAffectRows: boolean
  readonly returnsRows: boolean
  readonly slots: readonly Slot[]
}

/** Where a parameter comes from: from the unit, or from what an earlier step returned, by itself or within a text of the unit. */
export type Slot =
  | { readonly from: 'unit' }
  | { readonly from: 'step'; readonly step: number; readonly column: string; readonly within: boolean }

/** No text can have the character that stands in a template, so another one travels, which JSON never has raw either. */
export const wirePlaceholder = '\u0001'

/** `refused` by a statement of ours, as no state of the server's begins with Q. */
const refusedState = 'QT001'
const lateState = 'QT002'
const unreferableState = 'QT003'

/**
 * How long a call waits for a lock that somebody else holds. It is short, since all the units of the call wait with it: they are
 * then run each by itself.
 */
const lockTimeoutMs = 200

/**
 * What a function tells of a unit, as JSON: a result per step, the index of the step that refused it, or what went wrong. Whole
 * numbers, texts and booleans come through as they are; anything else is for the statement to cast to a text.
 */
export type UnitAnswer = (number | Record<string, unknown>[])[] | number | { state: string; message: string }

export const isLate = ({ state }: { state: string }) => state === lateState

/** Whether a step referred to a row that an earlier one did not return. */
export const isUnreferable = ({ state }: { state: string }) => state === unreferableState

/** Units with references to what no earlier step returns fail here, before anything is sent. */
export function stepsOf(unit: readonly Statement[]): Step[] {
  return unit.map(({ sql, batchSql, mustAffectRows, parameters }, index) => ({
    sql,
    batchSql,
    mustAffectRows: Boolean(mustAffectRows),
    returnsRows: returnsRows(sql),
    slots: parameters.map(
      (value): Slot => (value instanceof Reference ? slotOf(value, unit, index) : fromUnit),
    ),
  }))
}

const fromUnit: Slot = { from: 'unit' }

function slotOf({ statement, column, template }: Reference, unit: readonly Statement[], index: number): Slot {
  const step = unit.indexOf(statement)
  if (step < 0 || step >= index || !returnsRows(statement.sql))
    throw new TypeError(`A statement refers to ${column}, which none before it returns.`)
  return { from: 'step', step, column, within: template !== valuePlaceholder }
}

/**
 * A function that runs many units of one shape, which come as an array for each parameter, in one transaction, and tells of
 * each, or by a single row of all. All are tried together first; if one of them is refused or fails, all is undone, and each runs in a
 * subtransaction of its own. Locks that others hold fail the call as a whole. `types` are those of each step's parameters, by the server's word.
 */
export function functionText(name: string, shape: Shape, types: readonly (readonly string[])[]): string {
  const parameters = parametersOf(shape, types)
  const each = unitText(shape, types)
  const variables = shape.steps.flatMap((step, index) => [
    `q_n${index} bigint;`,
    ...(step.returnsRows ? [`q_r${index} record;`, `q_j${index} text;`] : []),
  ])
  return `create function pg_temp.${name}(${['q_units integer', ...(shape.hasDeadline ? ['q_before double precision[]'] : []), ...parameters].join(', ')})
returns setof text language plpgsql set lock_timeout = '${lockTimeoutMs}ms' as $q_body$
#variable_conflict use_column
declare
q_step integer; q_state text; q_message text; q_told text[] := '{}';
${variables.join(' ')}
begin
begin
${batchText(shape) ?? `for q_i in 1..q_units loop\n${each}\nend loop;\nreturn query select * from unnest(q_told);`}
return;
exception
when lock_not_available or deadlock_detected or serialization_failure then raise;
when others then q_told := '{}';
end;
for q_i in 1..q_units loop
begin
${each}
exception
when sqlstate '${refusedState}' then q_told[q_i] := q_step::text;
when others then
get stacked diagnostics q_state = returned_sqlstate, q_message = message_text;
q_told[q_i] := json_build_object('state', q_state, 'message', q_message)::text;
end;
end loop;
return query select * from unnest(q_told);
end
$q_body$`
}

/** Runs the unit `q_i` and keeps what is to be told of it. */
function unitText(shape: Shape, types: readonly (readonly string[])[]): string {
  const check = shape.hasDeadline ? `${lateText('q_before[q_i]')}\n` : ''
  const run = shape.steps.map((step, index) => stepText(shape, step, index, types[index] ?? []))
  const told = shape.steps.map((step, index) => (step.returnsRows ? `q_j${index}` : `q_n${index}`))
  return `${check}${run.join('\n')}\nq_told[q_i] := concat('[', ${told.join(", ',', ")}, ']');`
}

function lateText(before: string): string {
  return `if clock_timestamp() >= to_timestamp(${before}) then raise exception using errcode = '${lateState}'; end if;`
}

/**
 * Runs all the units with one statement for each step, which takes the server half the time, where every step has such a
 * statement; undefined where one has none. It holds only while each unit would have fared well by itself.
 */
function batchText(shape: Shape): string | undefined {
  const statements = stepsForAll(shape, argumentName)
  if (statements === undefined) return undefined
  const check = shape.hasDeadline ? `${lateText('(select min(b) from unnest(q_before) b)')}\n` : ''
  return `${check}${statements.map((text) => `${text};`).join('\n')}\nreturn next '[${statements.map(() => '1').join(',')}]';`
}

/**
 * The same as a statement without a function, for units without a deadline: it takes the server a tenth less. Its parameters are
 * the arguments of the function after the count. It fails where one of the units would not have fared well by itself.
 */
export function statementForAll(shape: Shape, types: readonly (readonly string[])[]): string | undefined {
  if (shape.hasDeadline) return undefined
  const before = shape.steps.map(
    (_, index) => shape.steps.slice(0, index).flatMap(({ slots }) => slots).length,
  )
  const array = (step: number, at: number) => `$${(before[step] ?? 0) + at + 1}::${types[step]?.[at]}[]`
  const statements = stepsForAll(shape, array)
  const last = statements?.pop()
  if (statements === undefined || last === undefined) return undefined
  const others = statements.map((text, index) => `q_s${index} as (${text})`)
  return others.length === 0 ? last : `with ${others.join(', ')}\n${last}`
}

/** A statement for each step, with what `array` calls the values of its slots. */
function stepsForAll({ steps }: Shape, array: (step: number, slot: number) => string): string[] | undefined {
  const statements = steps.map((step, index) => stepForAll(step, (slot) => array(index, slot)))
  return statements.every((text) => text !== undefined) ? statements : undefined
}

function stepForAll({ sql, batchSql, slots }: Step, array: (slot: number) => string): string | undefined {
  if (slots.length === 0 || slots.some(({ from }) => from === 'step')) return undefined
  if (batchSql !== undefined) return replaceParameters(batchSql, (number) => array(number - 1))
  const { into, values } = insertOfRow.exec(sql)?.groups ?? {}
  if (into === undefined || values === undefined) return undefined
  const columns = slots.map((_, at) => `p${at + 1}`)
  const arrays = slots.map((_, at) => array(at))
  return `${into} select ${replaceParameters(values, (number) => `q.p${number}`)}
from unnest(${arrays.join(', ')}) with ordinality as q(${columns.join(', ')}, at) order by q.at`
}

/**
 * One row of values, as Kysely words it. One that would be skipped, because its key is taken, may as well fail here: the look
 * for its key costs a tenth of the insert.
 */
const insertOfRow =
  /^(?<into>insert into "\w+" \((?:"\w+"(?:, )?)+\)) values \((?<values>[^()]*)\)(?: on conflict \("\w+"\) do nothing)?$/

/** The arguments of the function after the count: an array for each value that a unit brings. */
function parametersOf({ steps }: Shape, types: readonly (readonly string[])[]): string[] {
  return steps.flatMap(({ slots }, index) =>
    slots.flatMap((slot, at) =>
      slot.from === 'unit' || slot.within
        ? [`${argumentName(index, at)} ${slot.from === 'unit' ? types[index]?.[at] : 'text'}[]`]
        : [],
    ),
  )
}

function argumentName(step: number, slot: number): string {
  return `q_p${step}_${slot + 1}`
}

function stepText(shape: Shape, step: Step, index: number, types: readonly string[]): string {
  const text = replaceParameters(step.sql, (number) => valueText(shape, index, number, types[number - 1]))
  const refuse = step.mustAffectRows
    ? `if q_n${index} = 0 then q_step := ${index}; raise exception using errcode = '${refusedState}'; end if;`
    : ''
  const known = referredSteps(step)
    .map((at) => `if q_r${at}.n = 0 then raise exception using errcode = '${unreferableState}'; end if;\n`)
    .join('')
  if (!step.returnsRows) return `${known}${text};\nget diagnostics q_n${index} = row_count;\n${refuse}`
  const columns = referredColumns(shape, index).map(
    (column, at) => `, (array_agg(q.${quoted(column)}))[1] as c${at}`,
  )
  return `${known}with q as (${text}) select count(*) as n, coalesce(json_agg(q), '[]')::text as j${columns.join('')} into q_r${index} from q;
q_n${index} := q_r${index}.n; q_j${index} := q_r${index}.j;
${refuse}`
}

function valueText(shape: Shape, index: number, number: number, type = 'text'): string {
  const own = `${argumentName(index, number - 1)}[q_i]`
  const slot = shape.steps[index]?.slots[number - 1]
  if (slot === undefined || slot.from === 'unit') return own
  const referred = `q_r${slot.step}.c${referredColumns(shape, slot.step).indexOf(slot.column)}`
  return slot.within ? `replace(${own}, chr(1), ${referred}::text)` : `${referred}::${type}`
}

function referredSteps({ slots }: Step): number[] {
  return [...new Set(slots.flatMap((slot) => (slot.from === 'step' ? [slot.step] : [])))]
}

function referredColumns({ steps }: Shape, index: number): string[] {
  const columns = steps.flatMap(({ slots }) =>
    slots.flatMap((slot) => (slot.from === 'step' && slot.step === index ? [slot.column] : [])),
  )
  return [...new Set(columns)]
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
