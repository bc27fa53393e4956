/**
 * A page of documentation elsewhere. It is linked to if its address is one of this machine or has the name under which the reader
 * reached this server, and always under that name. Addresses of a private network would lead a browser nowhere.
 */
export type RelatedPage = { readonly name: string; readonly url: string }

/** Allows the files of this server, and requests to these others; Swagger UI has its icons in data URLs. */
export function contentSecurityPolicy(origins: readonly string[]): string {
  return (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
    `connect-src ${["'self'", ...new Set(origins)].join(' ')}; ` +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
  )
}

/**
 * The page that shows the OpenAPI document of this server. `base` is the way from the page to its files: `./` from
 * `/docs/`, and `./docs/` from `/docs`.
 */
export function documentationPage(options: {
  title: string
  base: string
  host: string
  related: readonly RelatedPage[]
}): string {
  const { base, host, related } = options
  const title = escapeHtml(options.title)
  const links = related
    .filter(({ url }) => isReachable(new URL(url).hostname, host))
    .map(({ name, url }) => `\n<a href="${escapeHtml(withHost(url, host))}">${escapeHtml(name)}</a>`)
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} API</title>
<link rel="stylesheet" href="${base}static/swagger-ui.css">
<link rel="stylesheet" href="${base}page.css">
<link rel="icon" href="${base}static/favicon-32x32.png">
<link rel="service-desc" type="application/json" href="${base}../openapi.json">
</head>
<body>
<nav aria-label="Documentation"><strong>${title}</strong>${links.join('')}
<a href="${base}../openapi.json">openapi.json</a></nav>
<noscript>This page needs JavaScript to show what openapi.json describes.</noscript>
<div id="swagger-ui"></div>
<script src="${base}static/swagger-ui-bundle.js"></script>
<script src="${base}page.js"></script>
</body>
</html>
`
}

export const pageStyle = `body { margin: 0 }
nav, noscript { padding: 12px 20px; font: 16px sans-serif; background: #1b1b1b; color: #fff }
nav a { color: #8bd; margin-left: 20px }
`

/** "Authorize" gets a token by the authorization code with PKCE, for a client without a secret, whose id can be changed there. */
export const pageScript = `const source = document.currentScript.src
const ui = SwaggerUIBundle({
  url: new URL('../openapi.json', source).href,
  oauth2RedirectUrl: new URL('static/oauth2-redirect.html', source).href,
  dom_id: '#swagger-ui',
  deepLinking: true,
  validatorUrl: null,
})
ui.initOAuth({ clientId: 'quintet-docs', usePkceWithAuthorizationCodeGrant: true })
`

function isReachable(name: string, host: string): boolean {
  return localName.test(name) || name === host
}

/** Of this machine, or of all its addresses. */
const localName = /^(127\.0\.0\.1|0\.0\.0\.0|localhost|\[::1?\])$/

function withHost(url: string, host: string): string {
  const address = new URL(url)
  address.hostname = host
  return address.href
}

function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}
