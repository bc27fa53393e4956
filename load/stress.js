import { recovered, scriptOf } from './k6/run.js'

/** Rising load, up to what the system may refuse; five seconds after it, all is as before. */
export const { options, setup, iterate, handleSummary } = scriptOf({
  rate: 400,
  phases: [
    { name: 'quarter', seconds: 30, share: 0.25 },
    { name: 'quarter', seconds: 30, share: 0.25 },
    { name: 'half', seconds: 15, share: 0.5 },
    { name: 'half', seconds: 30, share: 0.5 },
    { name: 'whole', seconds: 15, share: 1 },
    { name: 'whole', seconds: 30, share: 1 },
    { name: 'settling', seconds: 5, share: 0.02 },
    { name: 'after', seconds: 25, share: 0.02 },
  ],
  thresholds: recovered,
})
