import {
  authSettings,
  commonSettings,
  host,
  listOf,
  port,
  telemetrySchema,
  withRule,
} from '@quintet/chassis/config'
import { portSetting, serviceNames, topology, urlSetting } from '@quintet/contracts/topology'
import type { ServiceName } from '@quintet/contracts/topology'
import { Type } from 'typebox'
import { Format } from 'typebox/format'
import type { Static, TInteger, TString } from 'typebox'

type Ports = { [Name in ServiceName as `${Uppercase<Name>}_PORT`]: TInteger }
type Urls = { [Name in ServiceName as `${Uppercase<Name>}_URL`]: TString }

// The default addresses refer to them.
const ports = Object.fromEntries(
  serviceNames.map((name) => [portSetting(name), port(topology[name].port, `The port of ${name}.`)]),
) as Ports

const urls = Object.fromEntries(
  serviceNames.map((name) => [
    urlSetting(name),
    Type.String({
      default: `http://127.0.0.1:{${portSetting(name)}}`,
      format: 'observed-addresses',
      expected: 'an address like http://127.0.0.1:8888, without a path, or several with commas between them',
      description: `Where ${name} is; the console shows the first of several addresses.`,
    }),
  ]),
) as Urls

const token = (description: string): TString =>
  Type.String({
    default: '',
    secret: true,
    pattern: '^(?:[!-~]{32,512})?$',
    expected: 'empty, or 32 to 512 characters of ASCII without spaces, as openssl rand -hex 32 prints them',
    description,
  })

const settings = Type.Object({
  CONSOLE: Type.Union([Type.Literal('full'), Type.Literal('read'), Type.Literal('off'), Type.Literal('')], {
    default: '',
    expected: 'full, read, off, or empty',
    description:
      'What the console may do: act, read only, or not run. Empty is full where only this machine reaches it, and read otherwise.',
  }),
  CONSOLE_HOST: host('127.0.0.1', 'The address that the console listens on.'),
  CONSOLE_PORT: port(3001, 'The port of the console; 0 for any free one.'),
  CONSOLE_TOKEN: token(
    'What a client of the console must show, where this machine is not all that reaches it.',
  ),
  CONSOLE_TELEMETRY_TOKEN: token(
    'What a process may show instead that sends traces and lines by OTLP, and does nothing else.',
  ),
  CONSOLE_HOSTS: Type.String({
    default: '',
    format: 'host-names',
    expected: 'a list of host names or IP addresses without ports, such as console.example.com',
    description: 'The hosts by which clients reach the console, besides those of this machine.',
  }),
  ...ports,
  ...urls,
  OPERATIONS_PORT: commonSettings.OPERATIONS_PORT,
  LOG_LEVEL: commonSettings.LOG_LEVEL,
  CONNECTIONS_MAX: commonSettings.CONNECTIONS_MAX,
  SHUTDOWN_GRACE_MS: commonSettings.SHUTDOWN_GRACE_MS,
  CHECK_RESPONSES: commonSettings.CHECK_RESPONSES,
  ...authSettings,
  ...telemetrySchema.properties,
  TLS_CERT_FILE: commonSettings.TLS_CERT_FILE,
  TLS_KEY_FILE: commonSettings.TLS_KEY_FILE,
})

export type ConsoleConfig = Static<typeof settings>
export const consoleSettings = withRule(settings, protectionFaults)

/** What the console may do, by the settings or by who reaches it. */
export function modeOf({
  CONSOLE: mode,
  CONSOLE_HOST: host,
  CONSOLE_HOSTS: hosts = '',
}: Pick<ConsoleConfig, 'CONSOLE' | 'CONSOLE_HOST'> & Partial<ConsoleConfig>): 'full' | 'read' | 'off' {
  if (mode !== '') return mode
  return othersReach(host, hosts) === undefined ? 'full' : 'read'
}

/** Whether only this machine reaches an address or a name. */
export function isLoopback(host: string): boolean {
  return /^(?:localhost|127(?:\.\d{1,3}){3}|\[?::1\]?)$/i.test(host)
}

/** The setting by which others reach the console, such as the name of a proxy on this machine; undefined for none. */
export function othersReach(host: string, hosts: string): 'CONSOLE_HOST' | 'CONSOLE_HOSTS' | undefined {
  if (!isLoopback(host)) return 'CONSOLE_HOST'
  return listOf(hosts).every(isLoopback) ? undefined : 'CONSOLE_HOSTS'
}

/** What others reach must have a setting for who may use it. */
function protectionFaults({
  CONSOLE: mode = '',
  CONSOLE_HOST: host = '127.0.0.1',
  CONSOLE_HOSTS: hosts = '',
  CONSOLE_TOKEN: token = 'invalid',
  AUTH: auth = 'required',
}: Partial<ConsoleConfig>): string[] {
  const setting = othersReach(host, hosts)
  if (mode === 'off' || setting === undefined || token !== '' || auth !== 'none') return []
  const [value, remedy] =
    setting === 'CONSOLE_HOST' ? [host, 'CONSOLE_HOST to 127.0.0.1'] : [hosts, 'no CONSOLE_HOSTS']
  return [
    `${setting} is ${value}, which others reach, but nothing says who may use the console: set CONSOLE_TOKEN, or AUTH to required, or ${remedy}.`,
  ]
}

const hostName = /^(?:[a-z\d](?:[a-z\d.-]{0,252}[a-z\d])?|\[[\da-f:.]{2,45}\])$/i
Format.Set('host-names', (text) => listOf(text).every((name) => hostName.test(name)))

const address = /^https?:\/\/(?:[\w.-]+|\[[\da-f:.]+\])(?::\d{1,5})?\/?$/i
Format.Set('observed-addresses', (text) =>
  listOf(text).every((url) => address.test(url) && URL.canParse(url)),
)
