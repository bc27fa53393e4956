import { once } from 'node:events'
import { ConfigError, faultsOf, readSettings, readWholeNumber, validValues } from '@quintet/chassis/config'
import { scopes } from '@quintet/contracts/topology'
import { services } from '../topology.ts'
import { ArgumentError, parseArguments, UsageError } from './usage-error.ts'

export const issuerUsage =
  '  quintet issuer                            run an issuer of tokens on this machine, for development only; [--port <port>]\n'

export const issuerOptions = { port: { type: 'string', default: '3002' } } as const

const audience = 'quintet'

/** `quintet issuer`: gives everybody a token, so that authentication can be tried; until it gets a signal. */
export async function issuer(words: readonly string[]): Promise<void> {
  const { values } = parseArguments({ args: [...words], options: issuerOptions })
  const port = readWholeNumber(values.port)
  if (port === undefined || port > 65_535) throw new ArgumentError('--port must be a port, such as 3002.')
  const page = documentationPage()
  const { startIssuer, createSigningKey, scriptClient } = await loadIssuer()
  const running = await startIssuer({
    port,
    audience,
    scopes: Object.keys(scopes),
    keys: [createSigningKey(`key-${Date.now()}`)],
  })
  const { url, browserClient } = running
  process.stdout.write(`issuer       ${url}   for development only: everybody gets a token

Start the services, in another terminal:
  AUTH=required AUTH_ISSUER=${url} AUTH_AUDIENCE=${audience} npm start

A token for a program:
  curl -s -u ${scriptClient.id}:${scriptClient.secret} -d grant_type=client_credentials -d 'scope=movies:read movies:write' ${url}/token

In a browser: "Authorize" at ${page} for the client ${browserClient}, with any name and password
`)
  await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')])
  await running.close()
}

/** That of the gateway. Of all settings it is its port alone that matters here. */
function documentationPage(): string {
  const settings = readSettings(process.env)
  const faults = faultsOf(services.gateway.settings, settings).filter((fault) =>
    fault.startsWith('GATEWAY_PORT '),
  )
  if (faults.length > 0) throw new ConfigError(faults)
  const { GATEWAY_PORT: port } = validValues(services.gateway.settings, settings)
  return port === 0 ? '/docs/ of the gateway' : `http://127.0.0.1:${port}/docs/`
}

/** Its packages are those for development, which an image does not have. */
async function loadIssuer() {
  return import('@quintet/backends/issuer').catch((error: unknown) => {
    if (!(error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND')) throw error
    throw new UsageError('quintet issuer is for development, whose packages are not installed here: npm ci')
  })
}
