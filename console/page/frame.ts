import { h } from 'preact'
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { asCallError, get, mustSignIn, signOut } from './api.ts'
import type { CallError } from './api.ts'
import { a, button, component, div, footer, header, main, span } from './elements.ts'
import { search } from './find.ts'
import { onKey } from './keys.ts'
import type { PageEntry } from './pages.ts'
import { icon } from './parts/icons.ts'
import { empty, failure, loading } from './parts/states.ts'
import { theme } from './preferences.ts'
import { rail } from './rail.ts'
import { addressOf, matchPath, useRoute } from './router.ts'
import { announced, session } from './session.ts'
import { useStore } from './store.ts'
import { timeControls } from './time-span.ts'

type FrameProps = { readonly pages: readonly PageEntry[]; readonly token: string }

/** All pages: the rail, the bar, the page itself, and the line on what is kept. Without a cookie where one is needed, the sign-in. */
export const frame = component(function Frame({ pages, token }: FrameProps) {
  const { error, retry } = useSession(token)
  const current = useStore(session)
  if (useStore(mustSignIn)) return signIn({ fault: token === '' ? '' : (error?.message ?? '') })
  if (error !== undefined) return main({ id: 'main', class: 'alone', tabIndex: -1 }, failure(error, retry))
  if (current === undefined) return main({ id: 'main', class: 'alone', tabIndex: -1 }, loading('the console'))
  return shell({ pages })
})

/** The session, once the token of the address, if it has one, is changed for a cookie. */
function useSession(token: string) {
  const [error, setError] = useState<CallError | undefined>(undefined)
  const [round, setRound] = useState(0)
  const isSignedOut = useStore(mustSignIn)
  useEffect(() => {
    const open = async () => {
      if (token !== '' && round === 0) await (await import('./sign-in.ts')).signIn(token)
      const found = await get('/api/session')
      mustSignIn.set(!found.isSignedIn)
      session.set(found)
      setError(undefined)
    }
    if (!isSignedOut) open().catch((fault: unknown) => setError(asCallError(fault)))
  }, [round, isSignedOut])
  return { error, retry: () => setRound((old) => old + 1) }
}

const signIn = component(function SignIn({ fault }: { readonly fault: string }) {
  const view = useLoaded('sign-in', () => import('./sign-in.ts').then(({ signInView }) => signInView)).value
  return view === undefined ? main({ id: 'main' }, loading('the sign-in')) : view({ fault })
})

const shell = component(function Shell({ pages }: { readonly pages: readonly PageEntry[] }) {
  const { path } = useRoute()
  const [isMenuOpen, setMenuOpen] = useState(false)
  useEffect(() => setMenuOpen(false), [path])
  const entry = pages.find((one) => matchPath(one.path, path) !== undefined)
  return div(
    { class: 'frame' },
    a({ class: 'skip', href: '#main' }, 'Skip to the page'),
    header(
      { class: 'bar' },
      button(
        {
          type: 'button',
          class: 'plain menu',
          'aria-label': 'Pages',
          'aria-expanded': isMenuOpen,
          'aria-controls': 'rail',
          onClick: () => setMenuOpen(!isMenuOpen),
        },
        icon('menu'),
      ),
      a({ class: 'brand', href: addressOf('/') }, 'Quintet'),
      search({}),
      timeControls({}),
      themeButton({}),
      helpButton({}),
    ),
    rail({ section: entry?.section, isOpen: isMenuOpen }),
    pageView({ entry, path }),
    keptLine({}),
    div({ class: 'hidden', role: 'status', 'aria-live': 'polite' }, useStore(announced)),
  )
})

type PageViewProps = { readonly entry: PageEntry | undefined; readonly path: string }

const pageView = component(function PageView({ entry, path }: PageViewProps) {
  const element = useRef<HTMLElement>(null)
  const { value, error, retry } = useLoaded(entry?.path ?? '', async () => entry?.load())
  const isFirst = useRef(true)
  // Before what the page loads is there, so that the focus is not taken from a row that a key has chosen meanwhile.
  useLayoutEffect(() => {
    document.title = `${entry?.title ?? 'Not found'} · Quintet`
    if (!isFirst.current) element.current?.focus({ preventScroll: true })
    isFirst.current = false
    element.current?.scrollTo(0, 0)
  }, [path, entry])
  return main({ id: 'main', ref: element, tabIndex: -1 }, content())

  function content() {
    if (entry === undefined)
      return empty('There is no such page', path, a({ class: 'button', href: addressOf('/') }, 'To the map'))
    if (error !== undefined) return failure(error, retry)
    if (value === undefined) return loading(entry.title)
    const params = matchPath(entry.path, path) ?? {}
    return h(value, { key: path, params })
  }
})

/** What an import loads; that of another key is not shown. */
function useLoaded<Value>(key: string, load: () => Promise<Value | undefined>) {
  const [state, setState] = useState<{ key: string; value?: Value | undefined; error?: CallError }>({
    key: '',
  })
  const [round, setRound] = useState(0)
  useEffect(() => {
    let isCurrent = true
    load().then(
      (value) => isCurrent && setState({ key, value }),
      (error: unknown) => isCurrent && setState({ key, error: asCallError(error) }),
    )
    return () => {
      isCurrent = false
    }
  }, [key, round])
  const isCurrent = state.key === key
  return {
    value: isCurrent ? state.value : undefined,
    error: isCurrent ? state.error : undefined,
    retry: () => setRound((old) => old + 1),
  }
}

const themeSigns = { system: 'system', light: 'sun', dark: 'moon' } as const

const themeButton = component(function ThemeButton() {
  const current = useStore(theme)
  const next = theme.choices[(theme.choices.indexOf(current) + 1) % theme.choices.length] ?? 'system'
  return button(
    {
      type: 'button',
      class: 'plain',
      'aria-label': `Theme: ${current}`,
      title: `Theme: ${current}. Next: ${next}`,
      onClick: () => theme.set(next),
    },
    icon(themeSigns[current]),
  )
})

const helpButton = component(function HelpButton() {
  const [isOpen, setOpen] = useState(false)
  useEffect(() => onKey('?', () => setOpen(true)), [])
  return [
    button(
      {
        type: 'button',
        class: 'plain',
        'aria-label': 'Help',
        title: 'Help (?)',
        onClick: () => setOpen(true),
      },
      icon('help'),
    ),
    isOpen && help({ close: () => setOpen(false) }),
  ]
})

const help = component(function Help({ close }: { readonly close: () => void }) {
  const view = useLoaded('help', () => import('./help.ts').then(({ helpDialog }) => helpDialog)).value
  return view?.({ close })
})

/** What is kept, who looks, and what they may do. */
const keptLine = component(function KeptLine() {
  const current = useStore(session)
  const [fault, setFault] = useState('')
  const leave = () => {
    signOut().catch((error: unknown) => setFault(asCallError(error).message))
  }
  return footer(
    { class: 'kept' },
    span({}, current?.keeps),
    current?.mode === 'read' && span({ class: 'tag' }, 'read only'),
    span({ class: 'kept-end' }, `${current?.who} · ${current?.version}`),
    current?.byCookie === true && button({ type: 'button', class: 'plain', onClick: leave }, 'Sign out'),
    fault !== '' && span({ class: 'bad-text', role: 'alert' }, fault),
    current !== undefined && current.docsUrl !== '' && a({ href: current.docsUrl }, 'API'),
  )
})
