import { useState } from 'preact/hooks'
import { asCallError, mustSignIn, post } from './api.ts'
import { button, code, component, form, h1, input, label, main, p } from './elements.ts'
import { icon } from './parts/icons.ts'
import { session } from './session.ts'

/**
 * Changes a token for a cookie that no script can read. The link that the console prints carries the token in the fragment, which browsers
 * send to no server; it is removed from the address at once.
 */
export async function signIn(token: string): Promise<void> {
  session.set(await post('/api/session', { token }))
  mustSignIn.set(false)
}

export const signInView = component(function SignIn({ fault: first }: { readonly fault: string }) {
  const [token, setToken] = useState('')
  const [fault, setFault] = useState(first)
  const submit = async () => {
    setFault('')
    await signIn(token.trim()).catch((error: unknown) => setFault(asCallError(error).message))
  }
  return main(
    { id: 'main', class: 'sign-in', tabIndex: -1 },
    form(
      {
        class: 'card',
        onSubmit: (event) => {
          event.preventDefault()
          void submit()
        },
      },
      icon('lock'),
      h1({}, 'Quintet console'),
      p(
        {},
        'This console needs a token. The address that it printed at its start has it; open that, or paste ',
        code({}, 'CONSOLE_TOKEN'),
        ', a token of the issuer, or an API key.',
      ),
      // By it a manager of passwords knows whose token it keeps.
      input({ type: 'text', hidden: true, readOnly: true, autocomplete: 'username', value: 'console' }),
      label({ for: 'token' }, 'Token'),
      input({
        id: 'token',
        type: 'password',
        autocomplete: 'current-password',
        required: true,
        value: token,
        'aria-invalid': fault !== '',
        'aria-describedby': 'token-fault',
        onInput: (event) => setToken(event.currentTarget.value),
      }),
      p({ id: 'token-fault', class: 'fault', role: 'alert' }, fault),
      button({ type: 'submit', class: 'primary' }, 'Sign in'),
    ),
  )
})
