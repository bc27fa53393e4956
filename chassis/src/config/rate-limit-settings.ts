import { Type } from 'typebox'
import { Format } from 'typebox/format'
import { fileReason, readListFile } from '../files/index.ts'
import { engineUrl } from './engine-url.ts'
import { count } from './numbers.ts'
import { parseRateLimitPolicies, policiesOfLines } from './rate-limit-policies.ts'

/**
 * Each client a steady ten requests a second. A login takes a password hash, and is what passwords are guessed by: one network gets fewer
 * than one account, so that no network alone can keep the owner of an account from logging in.
 */
export const defaultPolicies = [
  '"client";q=600;w=60;burst=200;by="address"',
  '"login";q=10;w=60;burst=5;by="address";on="login";degraded="closed"',
  '"account";q=20;w=60;burst=20;by="account";on="login";degraded="closed"',
].join(', ')

/** The settings of limits and quotas; `chassis/src/guard` uses them. */
export const rateLimitSettings = {
  RATE_LIMIT: Type.Union([Type.Literal('off'), Type.Literal('on'), Type.Literal('dry-run')], {
    default: 'off',
    description: 'Limits and quotas; dry-run counts what would be refused, and refuses nothing.',
  }),
  RATE_LIMIT_URL: engineUrl({
    default: 'memory:',
    schemes: ['memory:', 'redis:', 'rediss:'],
    memoryParameter: 'entries',
    description:
      'Where limits are counted: memory:?entries=100000 in each process by itself, or redis://user:password@host for all together.',
  }),
  RATE_LIMIT_POLICIES: Type.String({
    default: defaultPolicies,
    format: 'rate-limit-policies',
    // What follows a semicolon would be taken for parameters of a URL, and redacted.
    isPublic: true,
    description: 'The limits and quotas, in the notation of the RateLimit-Policy field.',
    expectedForm: (text: string) => `a list of policies (${parseRateLimitPolicies(text).faults.join('; ')})`,
  }),
  RATE_LIMIT_FILE: Type.String({
    default: '',
    format: 'rate-limit-file',
    description:
      'A file with policies, in the place of RATE_LIMIT_POLICIES; it is read anew when it changes.',
    expectedForm: (path: string) => `a file of policies (${faultsOfFile(path).join('; ')})`,
  }),
  RATE_LIMIT_DEGRADED: Type.Union([Type.Literal('local'), Type.Literal('open'), Type.Literal('closed')], {
    default: 'local',
    description:
      'While Redis does not respond: local counts in each process, open admits all, closed refuses all with 503.',
  }),
  RATE_LIMIT_REPLICAS: count(1, {
    minimum: 1,
    maximum: 10_000,
    description:
      'The number of instances that share the limits: where each counts by itself, it has its share.',
  }),
  RATE_LIMIT_IPV6_PREFIX: count(64, {
    minimum: 32,
    maximum: 128,
    description: 'The length of the IPv6 networks that count as one address.',
  }),
  RATE_LIMIT_FIELDS: Type.Union([Type.Literal('draft'), Type.Literal('legacy'), Type.Literal('off')], {
    default: 'draft',
    description:
      'The fields of responses: RateLimit and RateLimit-Policy; legacy has RateLimit-Limit, -Remaining and -Reset as well.',
  }),
  RATE_LIMIT_QUOTA_URL: engineUrl({
    default: 'sqlite:{DATA_DIR}/quota.db',
    schemes: ['sqlite:', 'postgres:', 'postgresql:'],
    description:
      'The database of quotas: sqlite:file, or postgres://user:password@host/database for several machines.',
  }),
  RATE_LIMIT_AT: Type.Union([Type.Literal('gateway'), Type.Literal('everywhere')], {
    default: 'gateway',
    description: 'Where requests are counted: at the gateway, or by each service as well. Logins always are.',
  }),
}

Format.Set(
  'rate-limit-policies',
  (text) => text === defaultPolicies || parseRateLimitPolicies(text).faults.length === 0,
)
Format.Set('rate-limit-file', (path) => path === '' || faultsOfFile(path).length === 0)

function faultsOfFile(path: string): readonly string[] {
  try {
    return parseRateLimitPolicies(policiesOfLines(readListFile(path))).faults
  } catch (error) {
    return [`it ${fileReason(error) ?? 'cannot be read'}`]
  }
}
