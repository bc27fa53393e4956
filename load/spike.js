import { recovered, scriptOf } from './k6/run.js'

/** Many times the load within two seconds; five seconds after it, all is as before. */
export const { options, setup, iterate, handleSummary } = scriptOf({
  rate: 500,
  startShare: 0.02,
  phases: [
    { name: 'before', seconds: 20, share: 0.02 },
    { name: 'spike', seconds: 2, share: 1 },
    { name: 'spike', seconds: 13, share: 1 },
    { name: 'settling', seconds: 5, share: 0.02 },
    { name: 'after', seconds: 20, share: 0.02 },
  ],
  thresholds: recovered,
})
