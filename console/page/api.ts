import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import type {
  ActionList,
  ChartList,
  DeadLetterGroups,
  EventList,
  LogList,
  Move,
  PromiseCheck,
  PromiseList,
  QueueList,
  QueueMessages,
  Series,
  ServiceDetail,
  ServiceList,
  Session,
  SystemMap,
  Trace,
  TraceList,
} from '../src/wire/index.ts'
import type { Query } from './router.ts'
import { createStore } from './store.ts'

/** What GETs respond with. */
type Gets = {
  '/api/session': Session
  '/api/map': SystemMap
  '/api/services': ServiceList
  '/api/services/:name': ServiceDetail
  '/api/traces': TraceList
  '/api/traces/:id': Trace
  '/api/logs': LogList
  '/api/queues': QueueList
  '/api/queues/moves/:id': Move
  '/api/charts': ChartList
  '/api/series': Series
  '/api/events': EventList
  '/api/actions': ActionList
  '/api/promises': PromiseList
}
/** What POSTs respond with. */
type Posts = {
  '/api/session': Session
  '/api/services/:name/start': ServiceDetail
  '/api/services/:name/stop': ServiceDetail
  '/api/services/:name/restart': ServiceDetail
  '/api/queues/:name/look': QueueMessages
  '/api/queues/:name/reasons': DeadLetterGroups
  '/api/queues/:name/replay': Move
  '/api/queues/:name/drop': Move
  '/api/promises/:service/:id/check': PromiseCheck
}
type Call = {
  readonly params?: Readonly<Record<string, string>>
  readonly query?: Query
  readonly signal?: AbortSignal
}

/** What went wrong with a call, by what the reader can do about it. */
type FailureKind = 'denied' | 'away' | 'absent' | 'changed' | 'invalid'

export class CallError extends Error {
  readonly kind: FailureKind
  readonly status: number
  /** The sentences of the problem document, one for each field. */
  readonly errors: readonly string[]

  constructor(status: number, message: string, errors: readonly string[] = []) {
    super(message)
    this.kind = kindOf(status)
    this.status = status
    this.errors = errors
  }
}

/** Whether the client has to sign in: the server has refused a call with 401. */
export const mustSignIn = createStore(false)

export function get<Path extends keyof Gets>(path: Path, call: Call = {}): Promise<Gets[Path]> {
  return send(addressOfCall(path, call), call.signal === undefined ? {} : { signal: call.signal })
}

export function post<Path extends keyof Posts>(
  path: Path,
  body: object,
  call: Call = {},
): Promise<Posts[Path]> {
  return send(addressOfCall(path, call), {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
    ...(call.signal !== undefined && { signal: call.signal }),
  })
}

/** Ends the session, in the browser and on the server. */
export async function signOut(): Promise<void> {
  await request('/api/session', { method: 'DELETE', headers: { 'Content-Type': 'application/json' } })
  mustSignIn.set(true)
}

/** Calls a path that no table above lists, such as those of the services' own data. */
export async function fetchText(
  address: string,
  signal?: AbortSignal,
): Promise<{ readonly text: string; readonly headers: Headers }> {
  const response = await request(address, signal === undefined ? {} : { signal })
  return { text: await response.text(), headers: response.headers }
}

async function send<Body>(address: string, init: RequestInit): Promise<Body> {
  const response = await request(address, init)
  const body: Body = await response.json()
  return body
}

async function request(address: string, init: RequestInit): Promise<Response> {
  const headers = { Accept: 'application/json', ...init.headers, 'X-Quintet-Console': '1' }
  const response = await fetch(address, { ...init, headers }).catch((error: unknown) => {
    if (init.signal?.aborted) throw error
    throw new CallError(0, 'The console does not respond.')
  })
  if (response.ok) return response
  if (response.status === 401) mustSignIn.set(true)
  throw await errorOf(response)
}

/** The error that a problem document describes (RFC 9457). */
async function errorOf(response: Response): Promise<CallError> {
  const problem: { title?: unknown; detail?: unknown; errors?: unknown } = await response
    .json()
    .catch(() => ({}))
  const errors = Object.values(Object(problem.errors)).map(String)
  const text = [problem.detail, problem.title].find((one) => typeof one === 'string')
  return new CallError(
    response.status,
    String(text ?? `The console responds with ${response.status}.`),
    errors,
  )
}

function kindOf(status: number): FailureKind {
  if (status === 401 || status === 403) return 'denied'
  if (status === 404) return 'absent'
  if (status === 409 || status === 412) return 'changed'
  return status >= 400 && status < 500 && status !== 429 ? 'invalid' : 'away'
}

function addressOfCall(path: string, { params = {}, query = {} }: Call): string {
  const filled = path.replace(/:(\w+)/g, (_, name: string) => encodeURIComponent(params[name] ?? ''))
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(query))
    if (value !== undefined && value !== '') search.set(name, String(value))
  const text = search.toString()
  return text === '' ? filled : `${filled}?${text}`
}

export type Loaded<Body> = {
  /** The newest response; that of the previous call until the next one is here. */
  readonly data: Body | undefined
  readonly error: CallError | undefined
  readonly isLoading: boolean
  readonly reload: () => void
}

/** The response of a GET. It is called again when what is asked for changes, and every `everyMs` while the tab is visible. */
export function useGet<Path extends keyof Gets>(
  path: Path,
  call: Omit<Call, 'signal'> & { readonly everyMs?: number; readonly skip?: boolean } = {},
): Loaded<Gets[Path]> {
  const { everyMs, skip = false } = call
  const wanted = skip ? '' : addressOfCall(path, call)
  const [state, setState] = useState<Omit<Loaded<Gets[Path]>, 'reload'>>({
    data: undefined,
    error: undefined,
    isLoading: !skip,
  })
  const [round, setRound] = useState(0)
  const latest = useRef(call)
  latest.current = call
  useEffect(() => {
    if (wanted === '') return
    const stop = new AbortController()
    setState((old) => ({ ...old, isLoading: true }))
    get(path, { ...latest.current, signal: stop.signal }).then(
      (data) => setState({ data, error: undefined, isLoading: false }),
      (error: unknown) => {
        if (stop.signal.aborted) return
        setState((old) => ({ ...old, error: asCallError(error), isLoading: false }))
      },
    )
    return () => stop.abort()
  }, [path, wanted, round])
  const reload = useCallback(() => setRound((old) => old + 1), [])
  useEffect(() => {
    if (everyMs === undefined) return
    const timer = setInterval(() => {
      if (!document.hidden) reload()
    }, everyMs)
    return () => clearInterval(timer)
  }, [everyMs, reload])
  return { ...state, reload }
}

/** What was thrown, as an error that the page can show. */
export function asCallError(error: unknown): CallError {
  return error instanceof CallError ? error : new CallError(0, String(error))
}

/** The JSON of a path that no table above lists, indented. */
export function useText(address: string): Loaded<string> {
  const [state, setState] = useState<Omit<Loaded<string>, 'reload'>>({
    data: undefined,
    error: undefined,
    isLoading: true,
  })
  const [round, setRound] = useState(0)
  useEffect(() => {
    const stop = new AbortController()
    fetchText(address, stop.signal).then(
      ({ text }) => setState({ data: indented(text), error: undefined, isLoading: false }),
      (error: unknown) => {
        if (!stop.signal.aborted) setState({ data: undefined, error: asCallError(error), isLoading: false })
      },
    )
    return () => stop.abort()
  }, [address, round])
  return { ...state, reload: () => setRound((old) => old + 1) }
}

function indented(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), undefined, 2)
  } catch {
    return text
  }
}
