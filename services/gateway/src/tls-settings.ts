import { tlsFilesOf, tlsOf } from '@quintet/chassis/config'
import type { TlsFiles } from '@quintet/chassis/tls'
import { Type } from 'typebox'

/** The settings of TLS that the gateway alone has: those of its listener, where it has others than the services, and those of its hop. */
export const tlsGatewaySettings = {
  GATEWAY_TLS_CERT_FILE: Type.String({
    default: '{TLS_CERT_FILE}',
    description: 'The file of the certificate of the gateway, where the other services have another.',
  }),
  GATEWAY_TLS_KEY_FILE: Type.String({
    default: '{TLS_KEY_FILE}',
    description: 'The file of the private key of that certificate.',
  }),
  GATEWAY_TLS_CLIENT_CA_FILE: Type.String({
    default: '',
    description:
      'The file of the authorities of client certificates; with it every client of the gateway needs a certificate.',
  }),
  GATEWAY_HTTP2: Type.Union([Type.Literal('on'), Type.Literal('off')], {
    default: 'on',
    description: 'Whether clients may use HTTP/2, beside HTTP/1.1, where the gateway has TLS.',
  }),
  GATEWAY_HTTP_PORT: Type.Union([Type.Literal(''), Type.Integer({ minimum: 0, maximum: 65_535 })], {
    default: '',
    description: 'Beside TLS, the port on which requests without it are redirected; none if empty.',
    expected: 'a port from 0 to 65535, or empty',
  }),
  GATEWAY_HSTS: Type.String({
    default: 'max-age=31536000',
    pattern: '^(?:off|max-age=\\d{1,10}(?:; ?includeSubDomains)?(?:; ?preload)?)$',
    description: 'What Strict-Transport-Security says to browsers, over TLS only; or off.',
    expected: 'off, or a value like max-age=31536000; includeSubDomains',
  }),
  GATEWAY_UPSTREAM_CA_FILE: Type.String({
    default: '',
    description:
      'The file of the authorities of services at https addresses, in PEM; those of the system if it is empty.',
  }),
  GATEWAY_UPSTREAM_CERT_FILE: Type.String({
    default: '',
    description: 'The file of the certificate that the gateway shows to services at https addresses.',
  }),
  GATEWAY_UPSTREAM_KEY_FILE: Type.String({
    default: '',
    description: 'The file of the private key of that certificate.',
  }),
}

/** The names of those of the hop. */
export const upstreamFiles = {
  certificate: 'GATEWAY_UPSTREAM_CERT_FILE',
  key: 'GATEWAY_UPSTREAM_KEY_FILE',
  authorities: 'GATEWAY_UPSTREAM_CA_FILE',
} satisfies { readonly [Name in keyof TlsFiles]: string }

/** The files of its listener, and of its connections to services. */
export function gatewayTlsSides(values: Readonly<Record<string, unknown>>): TlsFiles[] {
  return [tlsOf(values, 'GATEWAY_')?.files, tlsFilesOf(values, upstreamFiles)].filter(
    (files) => files !== undefined,
  )
}
