import { Type } from 'typebox'
import { Format } from 'typebox/format'

/** A version of the API, in the paths at the gateway. */
export type ApiVersion = {
  readonly name: string
  /** From when on it is not to be used any more (RFC 9745), in milliseconds. */
  readonly deprecatedMs: number | undefined
  /** When it ends (RFC 8594). */
  readonly sunsetMs: number | undefined
  /** The address of a page about that. */
  readonly link: string | undefined
}

const versionsMax = 20
const version =
  /^"(v[1-9]\d{0,3})"((?:;(?:deprecated|sunset)=@\d{1,11}|;link="https?:\/\/[^"<>\s]{1,500}")*)$/

/**
 * The versions of a list in the notation of structured fields (RFC 9651), as `"v1";deprecated=@1798761600;sunset=@1814400000, "v2"`.
 * Throws an error that says what is wrong.
 */
export function parseApiVersions(text: string): ApiVersion[] {
  const versions = text.split(/,(?=\s*")/).map((member) => parseVersion(member.trim()))
  const names = versions.map(({ name }) => name)
  if (names.length > versionsMax) throw new Error(`there are more than ${versionsMax}`)
  const repeated = names.find((name, i) => names.indexOf(name) !== i)
  if (repeated !== undefined) throw new Error(`${repeated} is there twice`)
  return versions
}

function parseVersion(member: string): ApiVersion {
  const [, name = '', parameters = ''] = version.exec(member) ?? []
  if (name === '') throw new Error(`${JSON.stringify(member.slice(0, 100))} is not a version`)
  const time = (parameter: string) => {
    const seconds = new RegExp(`;${parameter}=@(\\d+)`).exec(parameters)?.[1]
    return seconds === undefined ? undefined : Number(seconds) * 1_000
  }
  const [deprecatedMs, sunsetMs] = [time('deprecated'), time('sunset')]
  if (sunsetMs !== undefined && sunsetMs < (deprecatedMs ?? 0))
    throw new Error(`${name} ends before it is deprecated`)
  return { name, deprecatedMs, sunsetMs, link: /;link="(.*?)"/.exec(parameters)?.[1] }
}

/** The setting of the versions. */
export const apiVersions = Type.String({
  default: '"v1"',
  format: 'api-versions',
  description:
    'The versions of the API in paths, each perhaps with the times from which on it is deprecated and gone.',
  expectedForm: (text: string) =>
    `a list like "v1";deprecated=@1798761600;sunset=@1814400000;link="https://example.com/v1", "v2" (${faultOf(text)})`,
})

Format.Set('api-versions', (text) => faultOf(text) === undefined)

function faultOf(text: string): string | undefined {
  try {
    parseApiVersions(text)
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}
