/**
 * A model checker: every state that a model can reach, breadth first, so that a violation is reached by as few steps as
 * possible. States are kept as text, about 300 bytes each (explicit-state model checking, as TLC and SPIN do it).
 */
export type Model<State> = {
  readonly initial: State
  /** Each step that is possible, with the state after it. */
  next(state: State): Iterable<readonly [step: string, State]>
  /** The property that a state breaks, in words. */
  violation(state: State): string | undefined
}

/** Adds a step that is possible: a change of a copy of the state. */
export type AddStep<State> = (step: string, change: (state: State) => void) => void

/** The steps that `collect` adds, each with its own copy of the state after it. */
export function stepsFrom<State>(
  state: State,
  copyOf: (state: State) => State,
  collect: (add: AddStep<State>) => void,
): (readonly [step: string, State])[] {
  const steps: (readonly [string, State])[] = []
  collect((step, change) => {
    const next = copyOf(state)
    change(next)
    steps.push([step, next])
  })
  return steps
}

type Exploration = {
  readonly states: number
  /** The number of steps of the longest shortest path. */
  readonly depth: number
  /** Whether every reachable state was examined. */
  readonly isComplete: boolean
  readonly violation?: { readonly message: string; readonly steps: readonly string[] }
}

type Parent = { readonly before: string; readonly step: string } | undefined

export function explore<State>(model: Model<State>, { statesMax = 2_000_000 } = {}): Exploration {
  const start = JSON.stringify(model.initial)
  const parents = new Map<string, Parent>([[start, undefined]])
  let frontier = [start]
  let depth = 0
  for (; frontier.length > 0; depth++) {
    const following: string[] = []
    for (const text of frontier) {
      const state: State = JSON.parse(text)
      for (const [step, next] of model.next(state)) {
        const nextText = JSON.stringify(next)
        if (parents.has(nextText)) continue
        parents.set(nextText, { before: text, step })
        const message = model.violation(next)
        if (message !== undefined)
          return {
            states: parents.size,
            depth: depth + 1,
            isComplete: false,
            violation: { message, steps: pathTo(nextText, parents) },
          }
        following.push(nextText)
      }
      if (parents.size > statesMax) return { states: parents.size, depth, isComplete: false }
    }
    frontier = following
  }
  return { states: parents.size, depth, isComplete: true }
}

function pathTo(text: string, parents: ReadonlyMap<string, Parent>): string[] {
  const steps: string[] = []
  for (let parent = parents.get(text); parent !== undefined; parent = parents.get(parent.before))
    steps.push(parent.step)
  return steps.toReversed()
}

/** An item of a state that exists. */
export function of<Item>(items: readonly Item[], i: number): Item {
  const item = items[i]
  if (item === undefined) throw new RangeError(`there is no item ${i}`)
  return item
}
