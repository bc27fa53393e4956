import { Type } from 'typebox'
import type { TString } from 'typebox'

type Demands = {
  minLength: number
  maxLength: number
  description: string
  /** The sentence for a missing one, where clients know another than the usual. */
  required?: string
  /** What it must be beyond a text, if anything: the pattern of all such texts, and their name. */
  form?: { pattern: string; name: string }
}

const wellFormed = {
  pattern: '^[^\\u0000\\ud800-\\udfff]*$',
  name: 'well-formed Unicode without the character NUL',
}

/**
 * A text that a person writes, named `title` to those who get it wrong: well-formed Unicode without NUL, which every engine
 * keeps as it is and every reader of UTF-8 accepts.
 */
export function text(title: string, demands: Demands): TString {
  const { minLength, maxLength, description, required, form = wellFormed } = demands
  return Type.String({
    minLength,
    maxLength,
    pattern: form.pattern,
    description,
    'x-errors': {
      required: required ?? `${title} is required.`,
      type: `${title} must be a string.`,
      minLength: `${title} must ${minLength === 1 ? 'not be empty' : `have at least ${minLength} characters`}.`,
      maxLength: `${title} must have at most ${maxLength} characters.`,
      pattern: `${title} must be ${form.name}.`,
    },
  })
}
