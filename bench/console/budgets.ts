import { formatTable } from '../table.ts'

export type ConsoleOptions = {
  readonly rounds: number
  /** How many traces there are for the lists, and four times as many lines for the search of words. */
  readonly traces: number
  readonly directory: string
  readonly progress: (sentence: string) => void
}

/** A figure beside its budget, which may have a unit in its name. */
export type Budget = { readonly name: string; readonly value: number; readonly max: number }

export function formatBudgets(budgets: readonly Budget[]): string {
  const lines = budgets.map(({ name, value, max }) => [
    name,
    value >= 100 ? value.toFixed(0) : value.toFixed(1),
    String(max),
    isWithin({ value, max }) ? '' : 'over',
  ])
  return formatTable([['', 'measured', 'budget', ''], ...lines], [0, 3]).join('\n')
}

export const isWithin = ({ value, max }: Pick<Budget, 'value' | 'max'>): boolean => value <= max
