import type { VNode } from 'preact'
import { path, svg } from '../elements.ts'

/** Drawn on 16 by 16, with lines. */
const shapes = {
  alert: 'M8 2 14.5 13.5H1.5ZM8 6.5v3.2M8 11.6v.2',
  back: 'M10 3 5 8l5 5',
  close: 'M4 4l8 8M12 4l-8 8',
  copy: 'M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3',
  empty: 'M2.5 4.5h11v8h-11zM2.5 8h3l1 2h3l1-2h3',
  forth: 'M6 3l5 5-5 5',
  help: 'M8 14.2A6.2 6.2 0 1 0 8 1.8a6.2 6.2 0 0 0 0 12.4M6.2 6.3a1.8 1.8 0 1 1 2.5 1.7c-.5.2-.7.5-.7 1.1M8 11.3v.2',
  lock: 'M3.5 7.5h9v6h-9zM5.5 7.5V5a2.5 2.5 0 0 1 5 0v2.5',
  menu: 'M2.5 4h11M2.5 8h11M2.5 12h11',
  moon: 'M13 9.5A5.5 5.5 0 0 1 6.5 3 5.5 5.5 0 1 0 13 9.5Z',
  pause: 'M5.5 3.5v9M10.5 3.5v9',
  play: 'M5 3.2v9.6L12.5 8Z',
  search: 'M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10M10.7 10.7 14 14',
  sun: 'M8 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6M8 1.5v1.2M8 13.3v1.2M1.5 8h1.2M13.3 8h1.2M3.4 3.4l.9.9M11.7 11.7l.9.9M12.6 3.4l-.9.9M4.3 11.7l-.9.9',
  system: 'M2 3h12v8.5H2zM5.5 14h5M8 11.5V14',
  wait: 'M4 2h8M4 14h8M4.5 2c0 3.5 3.5 4 3.5 6s-3.5 2.500-3.500 6M11.500 2c0 3.500-3.500 4-3.500 6s3.500 2.500 3.500 6',
} as const
export type IconName = keyof typeof shapes

/** A sign beside text, or in a button that has a name. */
export function icon(name: IconName): VNode<object> {
  return svg({ class: 'icon', viewBox: '0 0 16 16', 'aria-hidden': 'true' }, path({ d: shapes[name] }))
}
