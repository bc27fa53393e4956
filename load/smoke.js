import { scriptOf } from './k6/run.js'

/** Whether everything works: a few stories, none of which is refused. */
export const { options, setup, iterate, handleSummary } = scriptOf({
  rate: 5,
  startShare: 1,
  phases: [{ name: 'load', seconds: 15, share: 1 }],
  thresholds: { 'responses{kind:refused}': ['count==0'], http_req_duration: ['p(95)<1000'] },
})
