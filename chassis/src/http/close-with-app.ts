import type { App } from './app-options.ts'

/** Closes everything that a service has opened when its app closes, in reverse order. */
export function closeWithApp(app: App, opened: AsyncDisposableStack): void {
  const owned = opened.move()
  app.addHook('onClose', () => owned.disposeAsync())
}
