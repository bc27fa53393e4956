import type { IncomingMessage } from 'node:http'
import type { Clock } from '../clock/index.ts'
import { parseApiVersions } from '../config/index.ts'
import type { ApiVersion } from '../config/index.ts'
import { AppError } from '../errors/index.ts'

export type VersionSettings = {
  /** The text of the setting. */
  readonly list: string
  /** Paths that have a version themselves, which are routed as they are. */
  readonly paths?: readonly string[]
}

export type Versions = {
  /** Whether the responses of one of them have fields of it. */
  readonly haveEnds: boolean
  /** The target without the version, which is kept with the request; a target without one as it is. */
  route(request: IncomingMessage, target: string): string
  /** What responses state about the version of a request, and the error where it is gone. */
  stateOf(request: IncomingMessage): {
    readonly fields: readonly string[]
    readonly gone: AppError | undefined
  }
}

const prefixOfRequest = Symbol('versionPrefix')
type Versioned = IncomingMessage & { [prefixOfRequest]?: string }

/** The version that has been taken off the path of a request, as `/v1`; empty for none. */
export function versionPrefixOf(request: Versioned): string {
  return request[prefixOfRequest] ?? ''
}

/** A path that may have a version, of either form of target. */
const versioned = /^((?:https?:\/\/[^/?#]*)?)\/(v[1-9]\d{0,3})(?=[/?]|$)(.*)$/is

/** What no URI has (RFC 3986, 2), though the parser of HTTP admits it. */
const unsafe = /[^!#-;=?-[\]_a-z~]/g

/** The versions of the API in paths: `/v1/guid` is `/guid`, unless the path with its version has a route of its own. */
export function createVersions({ list, paths = [] }: VersionSettings, clock: Clock): Versions {
  const versions = new Map(parseApiVersions(list).map((version) => [version.name, version]))

  function split(target: string) {
    if (target[1] !== 'v' && target[0] === '/') return undefined
    const [, server = '', name = '', rest = ''] = versioned.exec(target) ?? []
    const version = versions.get(name)
    return version === undefined
      ? undefined
      : { server, version, rest: rest.startsWith('/') ? rest : `/${rest}` }
  }

  const isOwn = (path: string) =>
    paths.some((own) => path.startsWith(own) && ['', '/', '?'].includes(path[own.length] ?? ''))

  return {
    haveEnds: [...versions.values()].some(
      ({ deprecatedMs, sunsetMs }) => (deprecatedMs ?? sunsetMs) !== undefined,
    ),
    route(request: Versioned, target) {
      const found = split(target)
      if (found === undefined) return target
      const prefix = `/${found.version.name}`
      if (isOwn(prefix + found.rest)) return target
      request[prefixOfRequest] = prefix
      return found.server + found.rest
    },
    stateOf({ url = '' }) {
      const found = split(url)
      if (found === undefined) return { fields: [], gone: undefined }
      const { version, rest } = found
      const { sunsetMs = Number.POSITIVE_INFINITY } = version
      if (clock.now() < sunsetMs) return { fields: fieldsOf(version), gone: undefined }
      const next = [...versions.values()].find(
        (other) => (other.sunsetMs ?? Number.POSITIVE_INFINITY) > clock.now(),
      )
      const path = (rest.split('?', 1)[0] ?? '').replace(unsafe, encodeURIComponent)
      const successor = next === undefined ? [] : ['link', `</${next.name}${path}>; rel="successor-version"`]
      return {
        fields: [...fieldsOf(version), ...successor],
        gone: new AppError('gone', `The version ${version.name} of this API is no longer served.`),
      }
    },
  }
}

function fieldsOf({ deprecatedMs, sunsetMs, link }: ApiVersion): string[] {
  return [
    ...(deprecatedMs === undefined ? [] : ['deprecation', `@${deprecatedMs / 1_000}`]),
    ...(sunsetMs === undefined ? [] : ['sunset', new Date(sunsetMs).toUTCString()]),
    ...(link === undefined ? [] : ['link', `<${link}>; rel="deprecation"`]),
  ]
}
