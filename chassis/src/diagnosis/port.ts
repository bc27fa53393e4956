/**
 * One result of an examination. `weak`: a setting that weakens a guarantee, or one that could not be read; `broken`: a setting
 * under which a guarantee does not hold, or nothing works; `absent`: what a start will create.
 */
export type Finding = { readonly verdict: 'good' | 'weak' | 'broken' | 'absent'; readonly text: string }

/** Examines a running engine, and those of the queues that it has, through a connection of its own. */
export type Diagnose = (url: string, queues: readonly string[]) => Promise<Finding[]>

export const good = (text: string): Finding => ({ verdict: 'good', text })
export const weak = (text: string): Finding => ({ verdict: 'weak', text })
export const broken = (text: string): Finding => ({ verdict: 'broken', text })
export const absent = (text: string): Finding => ({ verdict: 'absent', text })
