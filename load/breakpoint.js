import { scriptOf } from './k6/run.js'

/** Load that rises until the system refuses much, or is too slow for the virtual users there are: where its limit is. */
export const { options, setup, iterate, handleSummary } = scriptOf({
  rate: 2000,
  phases: [{ name: 'ramp', seconds: 300, share: 1 }],
  thresholds: {
    'responses{kind:refused}': [{ threshold: 'count<1000', abortOnFail: true }],
    dropped_iterations: [{ threshold: 'count<1000', abortOnFail: true }],
  },
})
