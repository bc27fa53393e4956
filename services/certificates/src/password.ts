import { argon2, createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { promisify } from 'node:util'
import { Worker } from 'node:worker_threads'
import { createFairLimiter } from '@quintet/chassis/concurrency'

export type Passwords = ReturnType<typeof createPasswords>

/**
 * Hashes passwords by argon2id, as PHC strings, on threads of the pool. Each hash takes memory, so both the number of concurrent
 * hashes and that of waiting ones are bounded. Any more are rejected with `too_many_requests` or `overloaded`, those of the parties
 * first that have most of what waits, so that no address and no account keeps the others out.
 */
export function createPasswords({
  waitingMax = 64,
  costs = recommendedCosts,
}: {
  waitingMax?: number
  costs?: Costs
} = {}) {
  const currentPrefix = `${prefixOf(costs)}$`
  const limiter = createFairLimiter({
    concurrencyMax: hashesInParallelMax,
    waitingMax,
    refusal: 'Too many passwords are being hashed; try again shortly.',
  })
  return {
    hash: (password: string, parties: Parties = []): Promise<string> =>
      limiter(parties, () => hash(password, costs)),

    /**
     * Whether the password matches the hash. Without a hash it takes the same time, so that an attacker cannot find out by timing
     * whether there is one.
     */
    verify: (password: string, phc: string | undefined, parties: Parties = []): Promise<boolean> =>
      limiter(parties, () => verify(password, phc, costs)),

    /** Whether a verified hash should be replaced, because its algorithm or costs are not the current ones. */
    isOutdated: (phc: string): boolean => !phc.startsWith(currentPrefix),
  }
}

/** Who a password is hashed for: the address of the client and, of a login, the account. */
type Parties = readonly string[]

/** The costs that OWASP recommends: 19 MiB, two passes, one lane. */
const recommendedCosts: Costs = { memory: 19_456, passes: 2, parallelism: 1 }
const saltBytes = 16
const tagBytes = 32

/** Leaves one of the four threads of the pool to files and host names. */
const hashesInParallelMax = Math.min(3, availableParallelism())

/** Limits for the costs of a stored hash, so that a forged one cannot stop the service. */
const memoryMax = 1_048_576
const passesMax = 16
const parallelismMax = 16
const bcryptCostMax = 16

type Costs = { memory: number; passes: number; parallelism: number }

const deriveKey = promisify(argon2)

async function hash(password: string, costs: Costs): Promise<string> {
  const salt = randomBytes(saltBytes)
  const tag = await derive(password, costs, salt, tagBytes)
  return `${prefixOf(costs)}$${withoutPadding(salt)}$${withoutPadding(tag)}`
}

async function verify(password: string, phc: string | undefined, current: Costs): Promise<boolean> {
  if (phc !== undefined && /^\$2[aby]\$/.test(phc)) return verifyLegacy(password, phc)
  const stored = phc === undefined ? undefined : parsePhc(phc)
  const { costs, salt, tag } = stored ?? { ...decoy, costs: current }
  const derived = await derive(password, costs, salt, tag.length)
  return timingSafeEqual(derived, tag) && stored !== undefined
}

/** What is computed when there is no hash. */
const decoy = { salt: Buffer.alloc(saltBytes), tag: Buffer.alloc(tagBytes) }

/** Passwords are normalized, since keyboards compose the same characters differently (RFC 8265, 4.2). */
function derive(
  password: string,
  { memory, passes, parallelism }: Costs,
  nonce: Buffer,
  tagLength: number,
): Promise<Buffer> {
  const message = password.normalize('NFC')
  return deriveKey('argon2id', { message, nonce, memory, passes, parallelism, tagLength })
}

const phcForm =
  /^\$argon2id\$v=19\$m=(\d{1,9}),t=(\d{1,3}),p=(\d{1,3})\$([\w+/-]{11,128})\$([\w+/-]{22,128})$/

function parsePhc(phc: string): { costs: Costs; salt: Buffer; tag: Buffer } {
  const [, memory, passes, parallelism, salt = '', tag = ''] = phcForm.exec(phc) ?? []
  const costs = { memory: Number(memory), passes: Number(passes), parallelism: Number(parallelism) }
  const isWithinLimits =
    costs.memory <= memoryMax && costs.passes <= passesMax && costs.parallelism <= parallelismMax
  if (!isWithinLimits) throw new Error('A stored password hash has an unknown form or exceeds the limits.')
  return { costs, salt: Buffer.from(salt, 'base64'), tag: Buffer.from(tag, 'base64') }
}

function prefixOf({ memory, passes, parallelism }: Costs): string {
  return `$argon2id$v=19$m=${memory},t=${passes},p=${parallelism}`
}

function withoutPadding(bytes: Buffer): string {
  return bytes.toString('base64').replaceAll('=', '')
}

/**
 * Verifies a legacy hash: bcrypt of the base64 of the password's SHA-256. There are few and ever fewer of them, so each gets a
 * thread of its own.
 */
function verifyLegacy(password: string, bcryptHash: string): Promise<boolean> {
  const cost = Number(bcryptHash.split('$')[2])
  if (!(cost <= bcryptCostMax)) throw new Error('A stored bcrypt hash exceeds the limits.')
  const text = createHash('sha256').update(password).digest('base64')
  const worker = new Worker(new URL('./bcrypt-thread.ts', import.meta.url), {
    workerData: { text, bcryptHash },
  })
  return new Promise((resolve, reject) => {
    worker.once('message', (isMatch: unknown) => resolve(isMatch === true))
    worker.once('error', reject)
    worker.once('exit', () =>
      reject(new Error('The thread that verifies a bcrypt hash exited without a result.')),
    )
  })
}
