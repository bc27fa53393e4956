import { Type } from 'typebox'
import { httpUrl } from './http-url.ts'
import { count, milliseconds } from './numbers.ts'

/** A header of OTLP_HEADERS: a token of HTTP, and a value that is percent-encoded. */
const header = "[A-Za-z0-9!#$%&'*+.^_`|~-]+=(?:[!-$&-+\\--~]|%[0-9A-Fa-f]{2})*"

/** The settings of traces and of the lines that are kept with them. */
export const telemetrySettings = {
  TELEMETRY_URL: Type.String({
    default: 'sqlite:{DATA_DIR}/telemetry.db?bytes=268435456',
    pattern: '^(?:none:|sqlite:[^?]*[^?/](?:\\?bytes=[1-9]\\d{7,11})?)$',
    isPublic: true,
    expected:
      'none:, or sqlite: and the name of a file, which may be followed by ?bytes= and its largest size, from 10000000 to 999999999999 bytes',
    description: 'Where traces are kept: sqlite:file?bytes=268435456, which bounds its size, or none:.',
  }),
  OTLP_URL: httpUrl({
    default: '',
    pattern: '^(https?://[^\\s/@?#]+(/[^\\s?#]*)?)?$',
    expected: 'empty, or a URL that starts with http:// or https:// and has no user name and no query',
    description:
      'A collector that traces are sent to by OTLP over HTTP in JSON, such as http://127.0.0.1:4318.',
  }),
  OTLP_HEADERS: Type.String({
    default: '',
    secret: true,
    pattern: `^(?:${header}(?:, *${header})*)?$`,
    expected: 'empty, or name=value with commas between them, where values are percent-encoded',
    description: 'Header fields for that collector, such as authorization=Bearer%20token.',
  }),
  TRACE_PER_SECOND: count(10, {
    minimum: 0,
    maximum: 1_000,
    description:
      'How many traces a second each route begins, and five times as many the process; with 0 only failures and slow requests are kept.',
  }),
  TRACE_SLOW_MS: milliseconds(250, {
    minimum: 1,
    maximum: 600_000,
    description: 'A request that takes longer is kept, whether or not it was to be traced.',
  }),
}
