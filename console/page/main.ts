import { render } from 'preact'
import { frame } from './frame.ts'
import { startKeys } from './keys.ts'
import type { PageEntry } from './pages.ts'
import { startTheme } from './preferences.ts'
import { startRouter, takeToken } from './router.ts'

/** Every page, by its address. The first that matches is shown. */
const pages: readonly PageEntry[] = [
  { path: '/', title: 'Map', section: 'Map', load: () => import('./pages/map.ts').then(({ Page }) => Page) },
  {
    path: '/traces',
    title: 'Traces',
    section: 'Traces',
    load: () => import('./pages/traces.ts').then(({ Page }) => Page),
  },
  {
    path: '/traces/:id',
    title: 'Trace',
    section: 'Traces',
    load: () => import('./pages/trace.ts').then(({ Page }) => Page),
  },
  {
    path: '/logs',
    title: 'Logs',
    section: 'Logs',
    load: () => import('./pages/logs.ts').then(({ Page }) => Page),
  },
  {
    path: '/queues',
    title: 'Queues',
    section: 'Queues',
    load: () => import('./pages/queues.ts').then(({ Page }) => Page),
  },
  {
    path: '/queues/:name',
    title: 'Queue',
    section: 'Queues',
    load: () => import('./pages/queue.ts').then(({ Page }) => Page),
  },
  {
    path: '/data',
    title: 'Data',
    section: 'Data',
    load: () => import('./pages/data.ts').then(({ Page }) => Page),
  },
  {
    path: '/data/:service/:collection',
    title: 'Data',
    section: 'Data',
    load: () => import('./pages/data.ts').then(({ Page }) => Page),
  },
  {
    path: '/charts',
    title: 'Charts',
    section: 'Charts',
    load: () => import('./pages/charts.ts').then(({ Page }) => Page),
  },
  {
    path: '/promises',
    title: 'Promises',
    section: 'Promises',
    load: () => import('./pages/promises.ts').then(({ Page }) => Page),
  },
  {
    path: '/services',
    title: 'Services',
    section: 'Services',
    load: () => import('./pages/services.ts').then(({ Page }) => Page),
  },
  {
    path: '/services/:name',
    title: 'Service',
    section: 'Services',
    load: () => import('./pages/service.ts').then(({ Page }) => Page),
  },
  {
    path: '/actions',
    title: 'Actions',
    section: 'Actions',
    load: () => import('./pages/actions.ts').then(({ Page }) => Page),
  },
]

startTheme()
startRouter()
startKeys()
render(frame({ pages, token: takeToken() }), document.body)
