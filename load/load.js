import { scriptOf } from './k6/run.js'

/** The load of every day: nothing is refused, and responses are quick. */
export const { options, setup, iterate, handleSummary } = scriptOf({
  rate: 40,
  phases: [
    { name: 'ramp', seconds: 30, share: 1 },
    { name: 'load', seconds: 150, share: 1 },
  ],
  thresholds: { 'responses{kind:refused}': ['count==0'], http_req_duration: ['p(95)<500', 'p(99)<1500'] },
})
