import type { RunningIssuer } from '@quintet/backends/issuer'

const audience = 'bench'
const scope = 'guid:read'

let issuer: Promise<RunningIssuer> | undefined

/** The settings of a server that admits the token, and requests without one too, as those of a seed. */
export async function tokenSettings(): Promise<Record<string, string>> {
  const { url } = await runningIssuer()
  return { AUTH: 'optional', AUTH_ISSUER: url, AUTH_AUDIENCE: audience }
}

/** The `Authorization` field with a token of this issuer, which is valid for an hour. */
export async function authorization(): Promise<string> {
  const { scriptClient } = await import('@quintet/backends/issuer')
  const { url } = await runningIssuer()
  const response = await fetch(`${url}/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa(`${scriptClient.id}:${scriptClient.secret}`)}` },
    body: new URLSearchParams({ grant_type: 'client_credentials', scope }),
  })
  const { access_token: token } = Object(await response.json())
  return `Bearer ${token}`
}

function runningIssuer(): Promise<RunningIssuer> {
  issuer ??= start()
  return issuer
}

async function start(): Promise<RunningIssuer> {
  // Its library is for one row only.
  const { createSigningKey, startIssuer } = await import('@quintet/backends/issuer')
  const started = await startIssuer({
    ...{ port: 0, audience, scopes: [scope] },
    keys: [createSigningKey('bench')],
  })
  started.unref()
  return started
}
