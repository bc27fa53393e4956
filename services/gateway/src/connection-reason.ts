import { urlSetting } from '@quintet/contracts/topology'
import type { ExchangeError, ExchangeFailure } from './http1/connection.ts'

/** What is wrong with TLS by the code of the error, and which setting mends it; the first pattern that matches counts. */
const tlsReasons: ReadonlyArray<readonly [code: RegExp, sentence: (url: string) => string]> = [
  [
    /^(?:SELF_SIGNED_CERT_IN_CHAIN|DEPTH_ZERO_SELF_SIGNED_CERT|UNABLE_TO_(?:GET_ISSUER_CERT|GET_ISSUER_CERT_LOCALLY|VERIFY_LEAF_SIGNATURE)|CERT_UNTRUSTED|INVALID_CA|CERT_SIGNATURE_FAILURE)$/,
    () =>
      'Its certificate is of no authority that the gateway trusts: name the file of its authority in GATEWAY_UPSTREAM_CA_FILE',
  ],
  [
    /^CERT_(?:HAS_EXPIRED|NOT_YET_VALID)$/,
    () =>
      'Its certificate, or that of its authority, has ended or has not begun: renew it in TLS_CERT_FILE of the service',
  ],
  [
    /^ERR_TLS_CERT_ALTNAME_INVALID$/,
    (url) =>
      `Its certificate is for other names: give ${url} one of these, or the service another certificate`,
  ],
  [
    /^ERR_SSL_.*(?:CERTIFICATE|UNKNOWN_CA)/,
    () =>
      'It does not accept the certificate of the gateway: set GATEWAY_UPSTREAM_CERT_FILE and GATEWAY_UPSTREAM_KEY_FILE to one of its TLS_CLIENT_CA_FILE',
  ],
  [
    /^(?:EPROTO$|ERR_SSL_)/,
    (url) =>
      `It has no TLS, or none that the gateway supports: set ${url} to http:, or TLS_CERT_FILE of the service`,
  ],
]

const reasons: Readonly<Record<ExchangeFailure, string>> = {
  refused: 'It cannot be reached',
  reset: 'It closes connections before it responds',
  timeout: 'It does not respond in time',
  malformed: 'It sends responses that are not valid',
  stalled: 'Its client is too slow',
  internal: 'The gateway could not pass on a response',
}

/** Why a request to a service failed, in a sentence with the code of the error, and whether it is about TLS. */
export function connectionReason(
  service: string,
  { fault, cause }: Pick<ExchangeError, 'fault' | 'cause'>,
): { text: string; isOfTls: boolean } {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  const [, sentence] = tlsReasons.find(([pattern]) => pattern.test(code)) ?? []
  const text = sentence?.(urlSetting(service)) ?? reasons[fault]
  return { text: code === '' ? `${text}.` : `${text} (${code}).`, isOfTls: sentence !== undefined }
}
