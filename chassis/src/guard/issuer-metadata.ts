import { isSecureUrl } from '../config/index.ts'
import { fetchObject, StatusError } from './fetch-json.ts'

/** The endpoints of an issuer that clients use. */
export type Endpoints = { readonly authorization: string | undefined; readonly token: string | undefined }

type Metadata = { readonly jwksUrl: string; readonly endpoints: Endpoints }

/** The metadata that an issuer publishes, by OpenID Connect Discovery 1.0 or else by RFC 8414. */
export async function discover(issuer: string): Promise<Metadata> {
  const document = await fetchFirst(metadataUrls(issuer))
  // RFC 8414, 3.3: otherwise one issuer could pass for another.
  if (document.issuer !== issuer)
    throw new Error(
      `the metadata are of ${JSON.stringify(document.issuer)}, which must be AUTH_ISSUER exactly`,
    )
  const jwksUrl = urlAt(document, 'jwks_uri')
  if (jwksUrl === undefined) throw new Error('the metadata have no jwks_uri with https')
  const endpoints = {
    authorization: urlAt(document, 'authorization_endpoint'),
    token: urlAt(document, 'token_endpoint'),
  }
  return { jwksUrl, endpoints }
}

function metadataUrls(issuer: string): string[] {
  const { origin, pathname } = new URL(issuer)
  const path = pathname.replace(/\/$/, '')
  return [
    `${origin}${path}/.well-known/openid-configuration`,
    `${origin}/.well-known/oauth-authorization-server${path}`,
  ]
}

/** Of the first URL at which there is something. */
async function fetchFirst([url = '', ...others]: readonly string[]): ReturnType<typeof fetchObject> {
  try {
    return await fetchObject(url)
  } catch (error) {
    const isMissing = error instanceof StatusError && error.status >= 400 && error.status < 500
    if (!isMissing || others.length === 0) throw error
    return fetchFirst(others)
  }
}

function urlAt(document: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const url = document[name]
  return typeof url === 'string' && isSecureUrl(url) ? url : undefined
}
