import { createStore, useStore } from './store.ts'

/** Where the page is. Every state that a person would send to another is in it. */
type Route = { readonly path: string; readonly query: URLSearchParams }
export type Query = Readonly<Record<string, string | number | undefined>>

const route = createStore<Route>(read())

function read(): Route {
  return { path: location.pathname, query: new URLSearchParams(location.search) }
}

export const useRoute = (): Route => useStore(route)
export const currentRoute = (): Route => route.get()

/** Follows the History API and links of the console itself. */
export function startRouter(): void {
  addEventListener('popstate', () => route.set(read()))
  document.addEventListener('click', (event) => {
    const link = event.target instanceof Element ? event.target.closest('a') : null
    if (link === null || event.defaultPrevented || event.button !== 0) return
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
    if (link.origin !== location.origin || link.target !== '' || link.hasAttribute('download')) return
    if (link.getAttribute('href')?.startsWith('#') || link.pathname.startsWith('/api/')) return
    event.preventDefault()
    go(link.pathname + link.search)
  })
}

/** Opens an address of the console; `replace` leaves no step in the history. */
export function go(address: string, { replace = false } = {}): void {
  if (address === location.pathname + location.search) return
  history[replace ? 'replaceState' : 'pushState'](null, '', address)
  route.set(read())
}

/** Changes parameters of the address; undefined and empty ones are removed from it. */
export function setQuery(changes: Query, { replace = false } = {}): void {
  go(address(location.pathname, changes, new URLSearchParams(location.search)), { replace })
}

/** What goes on from page to page: the span of time. */
const lasting = ['span', 'from', 'to', 'live']

/** The address of a page with these parameters, and the span of time that is shown now. */
export function addressOf(path: string, query: Query = {}): string {
  const kept = new URLSearchParams()
  for (const name of lasting) {
    const value = route.get().query.get(name)
    if (value !== null) kept.set(name, value)
  }
  return address(path, query, kept)
}

function address(path: string, changes: Query, query: URLSearchParams): string {
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined || value === '') query.delete(name)
    else query.set(name, String(value))
  }
  const text = query.toString()
  return text === '' ? path : `${path}?${text}`
}

/** The parameters of a path that matches a pattern such as `/traces/:id`; undefined where it does not. */
export function matchPath(pattern: string, path: string): Record<string, string> | undefined {
  const wanted = pattern.split('/')
  const parts = path.split('/')
  if (wanted.length !== parts.length) return undefined
  const params: Record<string, string> = {}
  for (const [i, part] of wanted.entries()) {
    const value = parts[i] ?? ''
    if (part.startsWith(':')) params[part.slice(1)] = decode(value)
    else if (part !== value) return undefined
  }
  return params
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** The token in the fragment of the address, which is then no longer there; empty where there is none. */
export function takeToken(): string {
  const token = new URLSearchParams(location.hash.slice(1)).get('token') ?? ''
  if (token !== '') history.replaceState(null, '', location.pathname + location.search)
  return token
}
