import { scriptOf } from './k6/run.js'

/** The load of every day for half an hour, in which nothing may become slower. */
export const { options, setup, iterate, handleSummary } = scriptOf({
  rate: 30,
  phases: [
    { name: 'first', seconds: 600, share: 1 },
    { name: 'middle', seconds: 600, share: 1 },
    { name: 'last', seconds: 600, share: 1 },
  ],
  thresholds: {
    'responses{kind:refused}': ['count==0'],
    'http_req_duration{phase:first}': ['p(95)<500'],
    'http_req_duration{phase:last}': ['p(95)<500'],
  },
})
