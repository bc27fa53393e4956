import { Type } from 'typebox'
import { auditSettings } from './audit-settings.ts'
import { authSettings } from './auth-settings.ts'
import { corsSettings } from './cors-settings.ts'
import { engineUrl } from './engine-url.ts'
import { trustedProxies } from './networks.ts'
import { count, milliseconds, optionalPort } from './numbers.ts'
import { rateLimitSettings } from './rate-limit-settings.ts'
import { telemetrySettings } from './telemetry-settings.ts'
import { tlsSettings } from './tls-settings.ts'

/** The cache in front of the databases; each service has entries of its own. */
export const cacheUrl = engineUrl({
  default: 'memory:',
  schemes: ['memory:', 'none:', 'redis:', 'rediss:'],
  description:
    'The cache in front of the databases: memory:?entries=50000&bytes=16777216, redis://user:password@host, or none: for none.',
})

/** An address to listen on. */
export function host(defaultHost: string, description: string) {
  return Type.Union([Type.String({ format: 'hostname' }), Type.String({ format: 'ipv6' })], {
    default: defaultHost,
    description,
    expected: 'a host name or an IP address',
  })
}

const dataDir = Type.String({
  default: 'data',
  description: 'The directory of the files of embedded storage.',
})

const logLevel = Type.Union(
  [
    Type.Literal('trace'),
    Type.Literal('debug'),
    Type.Literal('info'),
    Type.Literal('warn'),
    Type.Literal('error'),
    Type.Literal('fatal'),
    Type.Literal('silent'),
  ],
  { default: 'info', description: 'The least severe log lines to write.' },
)

const connectionsMax = count(10_000, {
  minimum: 1,
  maximum: 1_000_000,
  isDivided: true,
  description:
    'Connections of a process; fewer where the limit of open files admits fewer. Beyond it, the longest idle are closed.',
})

const shutdownGraceMs = milliseconds(0, {
  minimum: 0,
  maximum: 600_000,
  description: 'How long the service goes on serving after SIGTERM, not ready any more, before it closes.',
})

/** The most processes that share ports. */
export const workersMax = 64

const workers = count(1, {
  minimum: 1,
  maximum: workersMax,
  description: 'The number of processes that share the work and the ports: at most one for each core.',
})

const checkResponses = Type.Union([Type.Literal('off'), Type.Literal('on')], {
  default: 'off',
  description: 'For development: a response that its description does not admit becomes a 500 that says why.',
})

const promiseCheckSeconds = count(60, {
  minimum: 0,
  maximum: 86_400,
  description: 'How often the service checks by itself whether its promises are kept; 0 for never.',
})

/** The settings of what a process records for all of its services. */
export const telemetrySchema = Type.Object({ DATA_DIR: dataDir, ...telemetrySettings })

/** The settings of every service, to be spread into its schema. */
export const commonSettings = {
  HOST: host('127.0.0.1', 'The address to listen on; 0.0.0.0 or :: for all addresses of the machine.'),
  OPERATIONS_PORT: optionalPort(
    'A port for metrics and the details of health, which the others then do not have.',
  ),
  OPERATIONS_HOST: host('{HOST}', 'The address of that port, where the services have another.'),
  DATA_DIR: dataDir,
  LOG_LEVEL: logLevel,
  ...rateLimitSettings,
  CONNECTIONS_MAX: connectionsMax,
  SHUTDOWN_GRACE_MS: shutdownGraceMs,
  WORKERS: workers,
  CHECK_RESPONSES: checkResponses,
  PROMISE_CHECK_SECONDS: promiseCheckSeconds,
  /** The gateway that runs on the same machine. */
  TRUSTED_PROXIES: trustedProxies('127.0.0.1, ::1'),
  ...authSettings,
  ...corsSettings,
  ...tlsSettings,
  ...auditSettings,
  ...telemetrySettings,
}
