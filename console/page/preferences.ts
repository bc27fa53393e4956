import { createStore } from './store.ts'
import type { Store } from './store.ts'

/** What a person chooses once and a browser keeps. */
export const theme = preference('theme', ['system', 'light', 'dark'])
export const timeZone = preference('time', ['local', 'UTC'])
/** Speech input can trigger shortcuts of one key by accident, so they can be turned off (WCAG 2.1.4). */
export const shortcuts = preference('shortcuts', ['on', 'off'])

function preference<Choice extends string>(
  name: string,
  choices: readonly [Choice, ...Choice[]],
): Store<Choice> & { readonly choices: readonly Choice[] } {
  const key = `quintet.${name}`
  const kept = choices.find((choice) => choice === read(key))
  const store = createStore<Choice>(kept ?? choices[0])
  store.subscribe(() => keep(key, store.get()))
  return { ...store, choices }
}

/** Storage is refused where a browser blocks it; then the choice lasts as long as the tab. */
function read(key: string): string | null {
  try {
    return localStorage.getItem(key)
  } catch {
    return null
  }
}

function keep(key: string, value: string): void {
  try {
    localStorage.setItem(key, value)
  } catch {}
}

/** Shows the theme that was chosen; without a choice that of the system. */
export function startTheme(): void {
  const show = () => {
    const chosen = theme.get()
    if (chosen === 'system') delete document.documentElement.dataset.theme
    else document.documentElement.dataset.theme = chosen
  }
  theme.subscribe(show)
  show()
}
