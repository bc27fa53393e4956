import type { Upstream } from './upstream.ts'

/** A service behind the gateway. */
export type Service = {
  readonly name: 'guid' | 'brokerage' | 'certificates' | 'inventory' | 'billing'
  /** The setting that says where it is. */
  readonly url: 'GUID_URL' | 'BROKERAGE_URL' | 'CERTIFICATES_URL' | 'INVENTORY_URL' | 'BILLING_URL'
  /** The paths that lead to it, each with everything below, and what they are called there. */
  readonly paths: Readonly<Record<string, string>>
}

/** A service with the way to it. */
export type Destination = Service & { readonly upstream: Upstream }

/** Which path leads where. */
export const topology: readonly Service[] = [
  {
    name: 'guid',
    url: 'GUID_URL',
    paths: { '/guid': '/guid', '/guids': '/guids', '/operations': '/operations' },
  },
  {
    name: 'brokerage',
    url: 'BROKERAGE_URL',
    paths: { '/accounts': '/accounts', '/market': '/market' },
  },
  {
    name: 'certificates',
    url: 'CERTIFICATES_URL',
    paths: { '/users': '/users', '/certificates': '/certificates' },
  },
  { name: 'inventory', url: 'INVENTORY_URL', paths: { '/api/movies': '/api/movies' } },
  { name: 'billing', url: 'BILLING_URL', paths: { '/api/orders': '/orders' } },
]

/** The paths as routes: each by itself, and with anything below it. */
export function routesOf(path: string): [string, string] {
  return [path, `${path}/*`]
}
