import { commitBeforeColumn } from '../port.ts'
import { batchStatements } from './batch-statement.ts'
import { isFromUnit } from './shape.ts'
import type { Shape, Step, StepTypes } from './shape.ts'
import { replaceParameters } from './sql-text.ts'

/** SQLSTATEs of our own; none of the server's begins with Q. */
const failedStepState = 'QT001'
export const deadlineState = 'QT002'
export const missingRowState = 'QT003'

/** Stands in the text of a reference for the value: no text of PostgreSQL can contain U+0000. JSON never contains this one unescaped. */
export const sqlPlaceholder = '\u0001'

/** How long a batch waits for a lock. It is short since all units of the batch wait; then each is executed individually. */
const lockTimeoutMs = 200
/** How long a unit that is executed individually waits for a lock. */
const individualLockTimeoutMs = 1_000

/**
 * A function that executes many units of one shape in one transaction. They come as an array for each parameter. It returns
 * a JSON text for each, or one for all if all succeed alike. First it executes all of them in one subtransaction; if one
 * fails, all of it is undone, and each is executed in a subtransaction of its own. A lock that another transaction holds
 * fails the whole call, and so does a unit that must have committed before the last one has been executed. `types` are those
 * of each step's parameters, as the server infers them.
 */
export function unitFunction(name: string, shape: Shape, types: StepTypes): string {
  const executeUnit = unitText(shape, types)
  return `
create function pg_temp.${name}(${argumentsText(shape, types)})
returns setof text
language plpgsql
set lock_timeout = '${lockTimeoutMs}ms'
as $q_body$
#variable_conflict use_column
declare
  q_step integer;
  q_state text;
  q_message text;
  q_results text[] := '{}';
  q_commit_before double precision := 'infinity';
  ${variablesText(shape)}
begin
  if q_individual then
    perform set_config('lock_timeout', '${individualLockTimeoutMs}ms', true);
  end if;
  begin
    ${batchText(shape) ?? loopText(shape, executeUnit)}
    return;
  exception
    when lock_not_available or deadlock_detected or serialization_failure then
      raise;
    when others then
      q_results := '{}';
      q_commit_before := 'infinity';
  end;
  for q_i in 1..q_units loop
    begin
      ${executeUnit}
    exception
      when sqlstate '${failedStepState}' then
        q_results[q_i] := q_step::text;
      when others then
        get stacked diagnostics q_state = returned_sqlstate, q_message = message_text;
        q_results[q_i] := json_build_object('state', q_state, 'message', q_message)::text;
    end;
  end loop;
  ${commitBeforeText(shape, 'serialization_failure')}
  return query select * from unnest(q_results);
end
$q_body$`
}

function argumentsText({ steps, hasDeadline }: Shape, types: StepTypes): string {
  const values = steps.flatMap(({ parameters }, step) =>
    parameters.flatMap((source, at) =>
      isFromUnit(source)
        ? [`${argumentName(step, at)} ${source.from === 'unit' ? types[step]?.[at] : 'text'}[]`]
        : [],
    ),
  )
  return [
    'q_units integer',
    'q_individual boolean',
    ...(hasDeadline ? ['q_before double precision[]'] : []),
    ...values,
  ].join(', ')
}

/** Of each step the number of rows; where it returns rows, those as JSON, and with them the columns that others refer to. */
function variablesText({ steps }: Shape): string {
  return steps
    .map(({ returnsRows }, index) => {
      const count = `q_count${index} bigint;`
      return returnsRows ? `${count} q_row${index} record; q_json${index} text;` : count
    })
    .join('\n  ')
}

function loopText(shape: Shape, executeUnit: string): string {
  return `
    for q_i in 1..q_units loop
      ${executeUnit}
    end loop;
    ${commitBeforeText(shape, 'raise_exception')}
    return query select * from unnest(q_results);`
}

/**
 * Executes all units by one statement for each step, which takes the server half the time; undefined where a step has no
 * such statement. It succeeds only where each unit would succeed by itself.
 */
function batchText(shape: Shape): string | undefined {
  const statements = batchStatements(shape, argumentName)
  if (statements === undefined) return undefined
  return `
    ${statements.map((text) => `${text};`).join('\n')}
    ${shape.hasDeadline ? deadlineText('(select min(b) from unnest(q_before) b)') : ''}
    return next '[${statements.map(() => '1').join(',')}]';`
}

/** The last check of all units, since one of them may have waited after an earlier one was executed. */
function commitBeforeText({ steps }: Shape, condition: string): string {
  if (!steps.some(({ limitsCommit }) => limitsCommit)) return ''
  return `if extract(epoch from clock_timestamp()) >= q_commit_before then raise ${condition}; end if;`
}

/** Executes the unit `q_i` and keeps its result. */
function unitText(shape: Shape, types: StepTypes): string {
  const results = shape.steps.map((step, index) => (step.returnsRows ? `q_json${index}` : `q_count${index}`))
  return `
      ${shape.steps.map((step, index) => stepText(shape, step, index, types[index] ?? [])).join('\n')}
      ${shape.steps.map(limitText).join('')}
      ${shape.hasDeadline ? deadlineText('q_before[q_i]') : ''}
      q_results[q_i] := concat('[', ${results.join(", ',', ")}, ']');`
}

/** The check of one unit, whose result says which of its statements failed. */
function limitText({ limitsCommit }: Step, index: number): string {
  if (!limitsCommit) return ''
  return `
      if extract(epoch from clock_timestamp()) >= q_row${index}.q_limit then
        q_step := ${index};
        raise exception using errcode = '${failedStepState}';
      end if;
      q_commit_before := least(q_commit_before, q_row${index}.q_limit);`
}

/** It comes last, when the transaction has its id, by which `settle` finds that the unit may still take effect. */
function deadlineText(before: string): string {
  return `
      if clock_timestamp() >= to_timestamp(${before}) then
        raise exception using errcode = '${deadlineState}';
      end if;`
}

function stepText(shape: Shape, step: Step, index: number, types: readonly string[]): string {
  const text = replaceParameters(step.sql, (number) => valueText(shape, index, number, types[number - 1]))
  const execute = step.returnsRows
    ? returningText(text, index, referredColumns(shape, index), step.limitsCommit)
    : `
      ${text};
      get diagnostics q_count${index} = row_count;`
  return `${missingRowText(step)}${execute}${step.mustAffectRows ? demandText(index) : ''}`
}

function returningText(
  text: string,
  index: number,
  columns: readonly string[],
  limitsCommit: boolean,
): string {
  const limit = limitsCommit ? `, min(q.${quoted(commitBeforeColumn)}) as q_limit` : ''
  const referred =
    columns.map((column, at) => `, (array_agg(q.${quoted(column)}))[1] as c${at}`).join('') + limit
  return `
      with q as (${text})
      select count(*) as n, coalesce(json_agg(q), '[]')::text as j${referred} into q_row${index} from q;
      q_count${index} := q_row${index}.n;
      q_json${index} := q_row${index}.j;`
}

function missingRowText({ parameters }: Step): string {
  const steps = new Set(parameters.flatMap((source) => (source.from === 'step' ? [source.step] : [])))
  const checks = [...steps].map(
    (step) => `
      if q_row${step}.n = 0 then
        raise exception using errcode = '${missingRowState}';
      end if;`,
  )
  return checks.join('')
}

function demandText(index: number): string {
  return `
      if q_count${index} = 0 then
        q_step := ${index};
        raise exception using errcode = '${failedStepState}';
      end if;`
}

function valueText(shape: Shape, index: number, number: number, type = 'text'): string {
  const own = `${argumentName(index, number - 1)}[q_i]`
  const source = shape.steps[index]?.parameters[number - 1]
  if (source === undefined || source.from === 'unit') return own
  const referred = `q_row${source.step}.c${referredColumns(shape, source.step).indexOf(source.column)}`
  return source.inText ? `replace(${own}, chr(1), ${referred}::text)` : `${referred}::${type}`
}

function referredColumns({ steps }: Shape, index: number): string[] {
  const columns = steps.flatMap(({ parameters }) =>
    parameters.flatMap((source) => (source.from === 'step' && source.step === index ? [source.column] : [])),
  )
  return [...new Set(columns)]
}

function argumentName(step: number, parameter: number): string {
  return `q_p${step}_${parameter + 1}`
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
