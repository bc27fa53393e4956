import type { VNode } from 'preact'
import { timeElement } from '../elements.ts'
import { timeZone } from '../preferences.ts'
import { timeText } from './time.ts'

/** A point in time to the second, as text: with the date unless that is today. */
export function instant(at: number): string {
  const zone = timeZone.get()
  const format = new Intl.DateTimeFormat(undefined, {
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hourCycle: 'h23',
    ...(zone === 'UTC' && { timeZone: 'UTC' }),
  })
  const day = timeText(at, 'date')
  return `${day === timeText(Date.now(), 'date') ? '' : `${day} `}${format.format(at)}`
}

/** The same as an element. Hovering shows it whole, in UTC. */
export function moment(at: number): VNode {
  const iso = new Date(at).toISOString()
  return timeElement({ dateTime: iso, title: iso.replace('T', ' ').replace('Z', ' UTC') }, instant(at))
}
