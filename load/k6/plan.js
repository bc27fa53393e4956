import { stories } from './stories.js'

/** The share of each story in the mixed one. */
const shares = { guid: 0.3, brokerage: 0.2, inventory: 0.2, billing: 0.2, certificates: 0.1 }

/** Into so many parts of equal length a run is divided, for its charts. */
export const partsMax = 60

/** `--service`, or all of them. */
export const service = __ENV.SERVICE || 'mixed'

/**
 * The phases of a run, scaled to `--seconds`, but for the five in which it settles. Each leads to a rate, as a share of the highest, which
 * is `--rate` stories per second.
 */
export function planOf({ rate, phases }) {
  const settling = sumOf(phases.filter(({ name }) => name === 'settling'))
  const wanted = __ENV.SECONDS ? Number(__ENV.SECONDS) : sumOf(phases)
  const scale = Math.max(1, wanted - settling) / (sumOf(phases) - settling)
  const scaled = phases.map((phase) => ({
    ...phase,
    seconds: phase.name === 'settling' ? phase.seconds : phase.seconds * scale,
  }))
  return { rate: Number(__ENV.RATE || rate), seconds: sumOf(scaled), phases: scaled }
}

function sumOf(phases) {
  return phases.reduce((sum, { seconds }) => sum + seconds, 0)
}

/** The phase, and the part of the run, after so many seconds. */
export function placeOf({ phases, seconds }, elapsed) {
  let end = 0
  const phase = phases.find((one) => {
    end += one.seconds
    return elapsed < end
  })
  const part = Math.min(partsMax - 1, Math.floor((elapsed / seconds) * partsMax))
  return { phase: (phase || phases[phases.length - 1]).name, part }
}

/** The story of an iteration. */
export function chooseStory() {
  if (service !== 'mixed') return stories[service]
  let left = Math.random()
  const name = Object.keys(shares).find((one) => {
    left -= shares[one]
    return left < 0
  })
  return stories[name || 'guid']
}
