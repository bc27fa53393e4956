import { Type } from 'typebox'
import { Format } from 'typebox/format'
import { listOf } from './comma-list.ts'
import { milliseconds } from './numbers.ts'

/** The settings of requests by browsers from pages of other origins. */
export const corsSettings = {
  CORS_ORIGINS: Type.String({
    default: '',
    format: 'origins',
    description: 'The origins whose pages may send requests from a browser, or * for all.',
    expected: 'origins like https://shop.example.com, with commas between them, or *',
  }),
  CORS_CREDENTIALS: Type.Boolean({
    default: false,
    description: 'Whether such requests may have cookies and other credentials that a browser adds itself.',
  }),
  CORS_MAX_AGE_MS: milliseconds(600_000, {
    minimum: 0,
    maximum: 86_400_000,
    description: 'How long a browser may remember what it is allowed to send.',
  }),
}

/** A sentence for each fault of these settings together. */
export function corsFaults({
  CORS_ORIGINS: origins,
  CORS_CREDENTIALS: credentials,
}: {
  CORS_ORIGINS?: unknown
  CORS_CREDENTIALS?: unknown
}): string[] {
  if (credentials !== true || origins === undefined) return []
  if (origins === '') return ['CORS_CREDENTIALS is true, but CORS_ORIGINS is empty: name the origins.']
  if (origins === '*')
    return [
      'CORS_CREDENTIALS is true, but CORS_ORIGINS is *, so any page could act as its visitor: name the origins.',
    ]
  return []
}

Format.Set('origins', (text) => text === '*' || listOf(text).every(isOrigin))

/** As browsers send it: no path, no capitals, no port that its scheme has anyway. */
function isOrigin(text: string): boolean {
  return /^https?:/.test(text) && URL.canParse(text) && new URL(text).origin === text
}
