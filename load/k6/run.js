import { sleep } from 'k6'
import exec from 'k6/execution'
import { client } from './client.js'
import { chooseStory, partsMax, placeOf, planOf, service } from './plan.js'
import { someone } from './stories.js'

const usersMax = 10
const kinds = ['ok', 'refused', 'failed']

/** For profiles that exceed the limits of a system: once it has settled, nothing is refused, and responses are quick. */
export const recovered = {
  'responses{kind:refused,phase:after}': ['count==0'],
  'http_req_duration{phase:after}': ['p(95)<1000'],
}

/**
 * What k6 needs of a script: stories begin at the rates of the plan, whether or not earlier ones have ended, so that a slow system gets no
 * less load. `thresholds` are those of k6, beside those of every run: no request hangs, and next to none fails.
 */
export function scriptOf(profile) {
  const plan = planOf(profile)
  const startRate = Math.max(1, Math.round(plan.rate * (profile.startShare || 0)))
  const vusMax = Math.min(1000, Math.max(50, plan.rate * 3))
  return {
    options: {
      scenarios: {
        stories: {
          executor: 'ramping-arrival-rate',
          exec: 'iterate',
          startRate,
          timeUnit: '1s',
          preAllocatedVUs: Math.min(vusMax, Math.max(20, plan.rate)),
          maxVUs: vusMax,
          gracefulStop: '15s',
          stages: plan.phases.map(({ seconds, share }) => ({
            target: Math.max(1, Math.round(plan.rate * share)),
            duration: `${Math.round(seconds * 1000)}ms`,
          })),
        },
      },
      thresholds: { failed: ['rate<0.001'], hung: ['count==0'], ...partsOf(), ...profile.thresholds },
      summaryTrendStats: ['count', 'med', 'p(95)', 'p(99)', 'max'],
      discardResponseBodies: false,
      noConnectionReuse: false,
    },

    setup: () => ({ users: needsUsers() ? addUsers() : [] }),

    iterate(data) {
      const elapsed = (Date.now() - exec.scenario.startTime) / 1000
      const { phase, part } = placeOf(plan, elapsed)
      exec.vu.metrics.tags.phase = phase
      exec.vu.metrics.tags.part = String(part)
      chooseStory()(data)
    },

    handleSummary: ({ metrics, state }) => ({
      [__ENV.SUMMARY]: JSON.stringify({ metrics, state, plan, service }),
    }),
  }
}

/** k6 keeps the metrics of those tags only that a threshold names; these hold always. */
function partsOf() {
  const parts = Array.from({ length: partsMax }, (_, part) => [
    [`http_req_duration{part:${part}}`, ['max>=0']],
    ...kinds.map((kind) => [`responses{part:${part},kind:${kind}}`, ['count>=0']]),
  ])
  const all = kinds.map((kind) => [`responses{kind:${kind}}`, ['count>=0']])
  const refusals = [503, 429].map((code) => [`responses{kind:refused,code:${code}}`, ['count>=0']])
  return Object.fromEntries([...parts.flat(), ...all, ...refusals])
}

function needsUsers() {
  return service === 'mixed' || service === 'certificates'
}

/** Passwords are hashed slowly, so the stories share some users. */
function addUsers() {
  const paths = []
  for (let attempt = 0; paths.length < usersMax && attempt < 50; attempt++) {
    const added = client.post('/users', 'POST /users', someone())
    if (added.status === 201) paths.push(`/users/${added.json('id')}`)
    else sleep(0.5)
  }
  if (paths.length === 0) exec.test.abort('No user could be added at /users.')
  return paths
}
