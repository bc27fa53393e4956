import type { Compilable, CompiledQuery, RawBuilder } from 'kysely'
import { sql } from 'kysely'
import type { Reference } from './reference.ts'

/** A parameter of a compiled query whose value is bound later. */
class Placeholder {
  readonly name: string

  constructor(name: string) {
    this.name = name
  }
}

/** An expression for each value that is bound later. Annotating `build` with it lets the row type be inferred. */
export type Placeholders<P> = { readonly [K in keyof P]-?: RawBuilder<P[K]> }

/** The values to bind; a reference is to a value that an earlier statement of the unit returns. */
type Values<P> = { readonly [K in keyof P]: P[K] | Reference }

/**
 * Compiles a query at its first use, to be bound many times: compiling costs a multiple of running it, and all queries
 * together would take a twentieth of the start. `build` gets an expression for each parameter by name; the result turns
 * values by name into a query that is ready to run.
 */
export function prepareQuery<P extends Record<string, unknown>, R = unknown>(
  build: (parameters: Placeholders<P>) => Compilable<R>,
): (values: Values<P>) => CompiledQuery<R> {
  let compiled: CompiledQuery<R> | undefined
  return (values) => {
    compiled ??= build(placeholdersOf<P>()).compile()
    const { parameters: template } = compiled
    const parameters = new Array<unknown>(template.length)
    for (let i = 0; i < template.length; i++) {
      const slot = template[i]
      parameters[i] = slot instanceof Placeholder ? values[slot.name] : slot
    }
    return { sql: compiled.sql, query: compiled.query, queryId: compiled.queryId, parameters }
  }
}

function placeholdersOf<P>(): Placeholders<P> {
  return new Proxy({} as Placeholders<P>, { get: (_, name) => sql`${new Placeholder(String(name))}` })
}
