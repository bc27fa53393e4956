import { button, component, dd, div, dl, dt, fieldset, h3, input, kbd, label, legend, p } from './elements.ts'
import { sections } from './keys.ts'
import { dialog } from './parts/dialog.ts'
import { shortcuts, timeZone } from './preferences.ts'
import { useStore } from './store.ts'

const keys: readonly (readonly [string, string])[] = [
  ['/', 'find in this list, or anywhere'],
  ['j k', 'next and previous row'],
  ['Enter', 'open the row; in the search box the next match'],
  ['Esc', 'close what is open'],
  ['[ ]', 'move the span of time back and forth'],
  ['Space', 'pause and go on'],
  ['?', 'this help'],
]

/** The shortcuts, and what a person may choose. */
export const helpDialog = component(function Help({ close }: { readonly close: () => void }) {
  const zone = useStore(timeZone)
  const isOn = useStore(shortcuts) === 'on'
  return dialog(
    { title: 'Help', close },
    div(
      { class: 'help' },
      h3({}, 'Shortcuts'),
      dl(
        { class: 'keys' },
        ...keys.flatMap(([key, text]) => [
          dt({}, ...key.split(' ').map((one) => kbd({}, one))),
          dd({}, text),
        ]),
        ...sections.flatMap(({ key, name }) => [dt({}, kbd({}, 'g'), kbd({}, key)), dd({}, name)]),
      ),
      label(
        { class: 'check' },
        input({
          type: 'checkbox',
          checked: isOn,
          onChange: (event) => shortcuts.set(event.currentTarget.checked ? 'on' : 'off'),
        }),
        'Shortcuts of one key',
      ),
      h3({}, 'Times'),
      fieldset(
        { class: 'choices' },
        legend({ class: 'hidden' }, 'Show times'),
        ...timeZone.choices.map((choice) =>
          label(
            { key: choice, class: 'check' },
            input({
              type: 'radio',
              name: 'zone',
              checked: zone === choice,
              onChange: () => timeZone.set(choice),
            }),
            choice === 'local' ? 'of this machine' : 'UTC',
          ),
        ),
      ),
      p({ class: 'quiet' }, 'Every state of a page is in its address: copy it to show someone what you see.'),
      button({ type: 'button', class: 'primary help-close', onClick: close }, 'Close'),
    ),
  )
})
