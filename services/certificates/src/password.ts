import { argon2, createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { promisify } from 'node:util'
import { Worker } from 'node:worker_threads'
import { createLimiter } from '@quintet/chassis/concurrency'

export type Passwords = ReturnType<typeof createPasswords>

/**
 * Passwords are kept as argon2id in PHC strings, worked out on other threads than the one that answers requests. How many
 * are worked out at once is bounded, since each takes memory, and so is how many wait: past that comes `overloaded`.
 */
export function createPasswords({ waitingMax = 64 }: { waitingMax?: number } = {}) {
  const limiter = createLimiter({
    concurrencyMax: hashesInParallelMax,
    waitingMax,
    refusal: 'Too many passwords are being hashed; try again shortly.',
  })
  return {
    hash: (password: string): Promise<string> => limiter(() => hash(password)),

    /**
     * Whether the password is the one of this hash. Without a hash the work is done all the same, so that a stranger cannot
     * tell by the time whether there is one.
     */
    verify: (password: string, phc: string | undefined): Promise<boolean> =>
      limiter(() => verify(password, phc)),

    /** Whether a hash that has just been verified should be made anew, by the algorithm and the costs of today. */
    isOutdated: (phc: string): boolean => !phc.startsWith(currentPrefix),
  }
}

/** The costs that OWASP recommends: 19 MiB, two passes, one lane. */
const current: Costs = { memory: 19_456, passes: 2, parallelism: 1 }
const currentPrefix = `${prefixOf(current)}$`
const saltBytes = 16
const tagBytes = 32

/** Of the four threads that Node keeps for such work, one stays free for files and names of hosts. */
const hashesInParallelMax = Math.min(3, availableParallelism())

/** What a stored hash may ask for at most, so that a forged one cannot stop the service. */
const memoryMax = 1_048_576
const passesMax = 16
const parallelismMax = 16
const bcryptCostMax = 16

type Costs = { memory: number; passes: number; parallelism: number }

const deriveKey = promisify(argon2)

async function hash(password: string): Promise<string> {
  const salt = randomBytes(saltBytes)
  const tag = await derive(password, current, salt, tagBytes)
  return `${currentPrefix}${withoutPadding(salt)}$${withoutPadding(tag)}`
}

async function verify(password: string, phc: string | undefined): Promise<boolean> {
  if (phc !== undefined && /^\$2[aby]\$/.test(phc)) return verifyLegacy(password, phc)
  const stored = phc === undefined ? undefined : parsePhc(phc)
  const { costs, salt, tag } = stored ?? nobody
  const derived = await derive(password, costs, salt, tag.length)
  return timingSafeEqual(derived, tag) && stored !== undefined
}

/** What is worked out for those whom nobody knows. */
const nobody = { costs: current, salt: Buffer.alloc(saltBytes), tag: Buffer.alloc(tagBytes) }

/** One text has one password: what keyboards compose differently is made the same first (RFC 8265, 4.2). */
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
  const bearable =
    costs.memory <= memoryMax && costs.passes <= passesMax && costs.parallelism <= parallelismMax
  if (!bearable) throw new Error('A stored password hash has a form or costs that are not known.')
  return { costs, salt: Buffer.from(salt, 'base64'), tag: Buffer.from(tag, 'base64') }
}

function prefixOf({ memory, passes, parallelism }: Costs): string {
  return `$argon2id$v=19$m=${memory},t=${passes},p=${parallelism}`
}

function withoutPadding(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '')
}

/**
 * Hashes of the kind that this service's predecessor made: bcrypt over the base64 of the password's SHA-256. They are few and
 * grow fewer, so each has a thread of its own for as long as it takes.
 */
function verifyLegacy(password: string, bcryptHash: string): Promise<boolean> {
  const cost = Number(bcryptHash.split('$')[2])
  if (!(cost <= bcryptCostMax)) throw new Error('A stored bcrypt hash has costs that are not borne.')
  const text = createHash('sha256').update(password).digest('base64')
  const worker = new Worker(new URL('./bcrypt-thread.ts', import.meta.url), {
    workerData: { text, bcryptHash },
  })
  return new Promise((resolve, reject) => {
    worker.once('message', (isSame: unknown) => resolve(isSame === true))
    worker.once('error', reject)
    worker.once('exit', () => reject(new Error('The thread that checks a bcrypt hash gave no answer.')))
  })
}
