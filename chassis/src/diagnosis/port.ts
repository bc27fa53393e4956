/**
 * One thing that was found out about an engine. `weak` is a setting under which a promise holds less than it could, or
 * something that could not be asked; `broken` one under which it does not hold, or nothing works.
 */
export type Finding = { readonly verdict: 'good' | 'weak' | 'broken'; readonly text: string }

/** Looks at a live engine through a connection of its own, and says what is right and what is wrong with it. */
export type Diagnose = (url: string) => Promise<Finding[]>

export const good = (text: string): Finding => ({ verdict: 'good', text })
export const weak = (text: string): Finding => ({ verdict: 'weak', text })
export const broken = (text: string): Finding => ({ verdict: 'broken', text })
