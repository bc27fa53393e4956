import {
  authFiles,
  describeConfig,
  isAuthSettings,
  listOf,
  loadConfig,
  tlsOf,
  validValues,
} from '@quintet/chassis/config'
import type { AuthSettings, Settings } from '@quintet/chassis/config'
import {
  broken,
  diagnoseIssuer,
  diagnoseLimits,
  diagnoseTls,
  diagnoseTrust,
  good,
  weak,
} from '@quintet/chassis/diagnosis'
import type { Finding } from '@quintet/chassis/diagnosis'
import { namedFileFault, readListFile } from '@quintet/chassis/files'
import { parseApiKeys } from '@quintet/chassis/guard/api-key-file'
import type { TlsFiles } from '@quintet/chassis/tls'
import { consoleSettings, othersReach } from '@quintet/console/config'
import type { ServiceName } from '@quintet/contracts/topology'
import type { Service } from '../topology.ts'
import { services, upstreamTls } from '../topology.ts'

/** What is examined, by the settings that name it. */
export type Examined = {
  readonly shown: string
  readonly settings: readonly string[]
  readonly findings: readonly Finding[]
}

/** The certificates and keys of each listener of these services, and of the connections between them. Settings need not be valid. */
export function examineTls(names: readonly ServiceName[], settings: Settings): Examined[] {
  const sides = names.flatMap((name) => {
    const service: Service = services[name]
    const shared = tlsOf(validValues(service.settings, settings), '')?.files
    return [...(shared === undefined ? [] : [shared]), ...(service.tlsSides?.(settings) ?? [])]
  })
  const byPaths = Map.groupBy(
    sides.filter((files) => filesOf(files).length > 0),
    (files) => JSON.stringify(filesOf(files).map(({ path }) => path)),
  )
  // Those of the same files have the same findings.
  return [...byPaths.values()]
    .flatMap((same) => same.slice(0, 1))
    .map((files) => ({
      shown: 'TLS',
      settings: filesOf(files).map(({ setting }) => setting),
      findings: diagnoseTls(files, Date.now()),
    }))
}

/** Whether the gateway can verify these services, which have the same settings. */
export function examineTrust(names: readonly ServiceName[], settings: Settings): Examined[] {
  const name = names.find((one) => one !== 'gateway')
  if (name === undefined || !names.includes('gateway')) return []
  const served = tlsOf(validValues(services[name].settings, settings), '')?.files
  if (served === undefined) return []
  const trusted = upstreamTls(settings)
  return [
    {
      shown: 'TLS between the gateway and the services',
      settings: filesOf({ ...trusted, certificate: served.certificate, key: undefined }).map(
        ({ setting }) => setting,
      ),
      findings: diagnoseTrust(served, trusted, Date.now()),
    },
  ]
}

function filesOf({ certificate, key, authorities }: TlsFiles) {
  return [certificate, key, authorities].filter((file) => file !== undefined)
}

/** The console, where others than this machine reach it. The settings are valid. */
export function examineConsole(settings: Settings): Examined[] {
  const {
    CONSOLE_HOST: host,
    CONSOLE_HOSTS: hosts,
    CONSOLE_PORT: port,
    TLS_CERT_FILE: certificate,
  } = loadConfig(consoleSettings, settings)
  const setting = othersReach(host, hosts)
  if (setting === undefined) return []
  const finding =
    certificate === ''
      ? weak(
          'Others reach the console without TLS, so that its token can be read on the way: set TLS_CERT_FILE, or CONSOLE_HOST to 127.0.0.1.',
        )
      : good('Others reach the console by TLS only.')
  return [{ shown: `console, on ${host}, port ${port}`, settings: [setting], findings: [finding] }]
}

/** What decides about requests and is elsewhere: issuers of tokens, the file of API keys, and the Redis of limits. */
export async function examineGuard(names: readonly ServiceName[], settings: Settings): Promise<Examined[]> {
  const [name = 'gateway'] = names
  const { settings: schema } = services[name]
  // All services have these settings.
  const values: Readonly<Record<string, unknown>> & Partial<AuthSettings> = validValues(schema, settings)
  const url = String(values.RATE_LIMIT_URL)
  const isCounted = values.RATE_LIMIT !== 'off' && !url.startsWith('memory:')
  const limits = describeConfig(schema, settings).find(({ name }) => name === 'RATE_LIMIT_URL')
  const ofLimits = async (): Promise<Examined> => ({
    shown: limits?.value ?? '',
    settings: ['RATE_LIMIT_URL'],
    findings: await diagnoseLimits(url),
  })
  const isAuthenticated = values.AUTH !== 'none' && isAuthSettings(values)
  return Promise.all([
    ...(isAuthenticated ? [...issuersOf(values), ...keysOf(values)] : []),
    ...(isCounted ? [ofLimits()] : []),
  ])
}

function issuersOf({ AUTH_ISSUER: issuers, AUTH_JWKS_URL: urls }: AuthSettings): Promise<Examined>[] {
  const jwksUrls = listOf(urls)
  return listOf(issuers).map(async (issuer, i) => ({
    shown: issuer,
    settings: jwksUrls[i] === undefined ? ['AUTH_ISSUER'] : ['AUTH_ISSUER', 'AUTH_JWKS_URL'],
    findings: await diagnoseIssuer(issuer, jwksUrls[i]),
  }))
}

function keysOf({ API_KEYS_FILE: path }: AuthSettings): Promise<Examined>[] {
  return path === ''
    ? []
    : [Promise.resolve({ shown: path, settings: ['API_KEYS_FILE'], findings: [findingOn(path)] })]
}

function findingOn(path: string): Finding {
  try {
    const keys = parseApiKeys(readListFile(path))
    return good(`It has ${keys.length === 1 ? 'an API key' : `${keys.length} API keys`}.`)
  } catch (error) {
    return broken(namedFileFault('API_KEYS_FILE', path, error, authFiles.API_KEYS_FILE))
  }
}
