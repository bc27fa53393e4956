import { Type } from 'typebox'
import type { TString } from 'typebox'

type TextOptions = {
  minLength: number
  maxLength: number
  description: string
  /** The message for a missing one, where clients rely on another than the usual. */
  required?: string
  /** The same for a value that is no string. */
  type?: string
  /** What it must be beyond a text, if anything: a pattern, and what texts of this pattern are called. */
  form?: { pattern: string; name: string }
}

const wellFormed = {
  pattern: '^[^\\u0000\\ud800-\\udfff]*$',
  name: 'well-formed Unicode without the character NUL',
}

/**
 * A text that a person writes, called `name` in error messages: well-formed Unicode without NUL, which every engine stores
 * unchanged and every UTF-8 decoder accepts.
 */
export function text(name: string, options: TextOptions): TString {
  const { minLength, maxLength, description, required, type, form = wellFormed } = options
  return Type.String({
    minLength,
    maxLength,
    pattern: form.pattern,
    description,
    'x-errors': {
      required: required ?? `${name} is required.`,
      type: type ?? `${name} must be a string.`,
      minLength: `${name} must ${minLength === 1 ? 'not be empty' : `have at least ${minLength} characters`}.`,
      maxLength: `${name} must have at most ${maxLength} characters.`,
      pattern: `${name} must be ${form.name}.`,
    },
  })
}

/** Whether a text in a path can be stored at all: nothing has another as its id. */
export function isStorable(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0')
}
