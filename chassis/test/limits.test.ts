import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseList } from 'structured-headers'
import { limitFields, policyMember } from '../src/guard/limit-fields.ts'
import type { Decision } from '../src/guard/context.ts'
import { createLimitsWorld, principalOf, requestOf } from './limits-world.ts'

const fieldsOf = ({ fields }: Decision) =>
  Object.fromEntries(fields.flatMap((name, i) => (i % 2 === 0 ? [[name, fields[i + 1]]] : [])))

test('The fields are those of the draft: constant text of the policies, and what is left of each and until when', async () => {
  const { limits, clock } = createLimitsWorld(
    '"client";q=600;w=60;burst=3;by="address", "all";q=60;w=60, "post";q=1;w=60;on="POST /guid"',
  )
  const first = await limits.byClient(requestOf())
  assert.deepEqual(first.fields, [
    'ratelimit-policy',
    '"client";q=600;w=60;quintet-burst=3',
    'ratelimit',
    '"client";r=2;t=1',
  ])
  const second = await limits.byPrincipal(requestOf(), undefined, first)
  assert.deepEqual(fieldsOf(second), {
    'ratelimit-policy': '"client";q=600;w=60;quintet-burst=3, "all";q=60;w=60',
    ratelimit: '"client";r=2;t=1, "all";r=59;t=1',
  })
  for (const value of Object.values(fieldsOf(second)))
    for (const [name, parameters] of parseList(String(value))) {
      assert.equal(typeof name, 'string')
      assert.ok([...parameters.values()].every((one) => Number.isInteger(one) && Number(one) >= 0))
    }
  clock.advance(60_000)
  assert.equal(fieldsOf(await limits.byClient(requestOf())).ratelimit, '"client";r=2;t=1')
})

test('The legacy fields are those of the tightest policy, and there may be none', () => {
  const policy = (name: string, quota: number) => ({
    name,
    quota,
    member: policyMember({ name, kind: 'rate', quota, windowSeconds: 60, burst: quota, period: 'day' }),
  })
  const standings = [
    { policy: policy('a', 10), remaining: 9, resetSeconds: 6 },
    { policy: policy('b', 5), remaining: 2, resetSeconds: undefined },
  ]
  assert.deepEqual(limitFields(standings, 'legacy').slice(4), [
    'ratelimit-limit',
    '5',
    'ratelimit-remaining',
    '2',
    'ratelimit-reset',
    '0',
  ])
  assert.deepEqual(limitFields(standings, 'off'), [])
  assert.deepEqual(limitFields([], 'draft'), [])
})

test('What is over its limit is refused by a problem of the draft, with the time after which it is admitted', async () => {
  const { limits, clock } = createLimitsWorld('"client";q=1;w=10;burst=2;by="address"')
  for (let i = 0; i < 2; i++) assert.equal((await limits.byClient(requestOf())).refusal, undefined)
  const refused = await limits.byClient(requestOf())
  const { fields, refusal } = refused
  const error = refusal?.error
  assert.equal(error?.status, 429)
  assert.equal(error?.message, 'The limit "client" is reached; try again in 10 s.')
  assert.deepEqual(error?.violatedPolicies, ['client'])
  assert.equal(error?.retryAfterSeconds, 10)
  assert.deepEqual(fields, [
    'ratelimit-policy',
    '"client";q=1;w=10;quintet-burst=2',
    'ratelimit',
    '"client";r=0;t=10',
  ])
  clock.advance(9_999)
  assert.equal((await limits.byClient(requestOf())).refusal?.error.retryAfterSeconds, 1)
  clock.advance(1)
  assert.equal((await limits.byClient(requestOf())).refusal, undefined)
  assert.equal((await limits.byClient(requestOf({ address: '192.0.2.2' }))).refusal, undefined)
})

test('All policies that match apply, and what one refuses counts by none', async () => {
  const { limits, counts } = createLimitsWorld(
    '"narrow";q=2;w=60;by="address+route", "wide";q=9;w=60;by="address"',
  )
  for (let i = 0; i < 2; i++) await limits.byClient(requestOf())
  for (let i = 0; i < 5; i++)
    assert.deepEqual((await limits.byClient(requestOf())).refusal?.error.violatedPolicies, ['narrow'])
  const other = await limits.byClient(requestOf({ service: 'inventory' }))
  assert.equal(other.refusal, undefined)
  assert.equal(fieldsOf(other).ratelimit, '"narrow";r=1;t=30, "wide";r=6;t=7')
  assert.deepEqual(counts.all().get('narrow'), { allowed: 3, refused: 5, would_refuse: 0, degraded: 0 })
  assert.deepEqual(counts.all().get('wide'), { allowed: 3, refused: 0, would_refuse: 0, degraded: 0 })
})

test('A dry policy refuses nobody, shows nothing, and is counted; RATE_LIMIT=dry-run makes all policies dry', async () => {
  const text = '"dry";q=1;w=60;by="address";dry, "wet";q=3;w=60;by="address"'
  const { limits, counts } = createLimitsWorld(text)
  for (let i = 0; i < 3; i++) {
    const decision = await limits.byClient(requestOf())
    assert.equal(decision.refusal, undefined)
    assert.doesNotMatch(String(fieldsOf(decision).ratelimit), /dry/)
  }
  assert.notEqual((await limits.byClient(requestOf())).refusal, undefined)
  assert.deepEqual(counts.all().get('dry'), { allowed: 1, refused: 0, would_refuse: 3, degraded: 0 })
  const all = createLimitsWorld(text, { isDryRun: true })
  for (let i = 0; i < 9; i++) assert.equal((await all.limits.byClient(requestOf())).refusal, undefined)
  assert.deepEqual(all.counts.all().get('wet'), { allowed: 3, refused: 0, would_refuse: 6, degraded: 0 })
})

test('A policy is for its routes alone, with all that is below them', async () => {
  const { limits } = createLimitsWorld('"post";q=1;w=60;by="address";on="POST /guid, GET /guids"')
  const isCounted = async (method: string, path: string) =>
    (await limits.byClient(requestOf({ method, path, address: `${method} ${path}` }))).fields.length > 0
  for (const path of ['/guid', '/guid/1', '/guid/1/x'])
    assert.equal(await isCounted('POST', path), true, path)
  for (const path of ['/guidx', '/', '/v1/guid']) assert.equal(await isCounted('POST', path), false, path)
  assert.equal(await isCounted('PATCH', '/guid'), false)
  assert.equal(await isCounted('HEAD', '/guids'), true)
})

test('A plan is for those who have it, and each key and principal has a count of its own', async () => {
  const { limits } = createLimitsWorld(
    '"free";q=1;w=60;by="principal";plan="free", "gold";q=2;w=60;by="key";plan="gold", "each";q=3;w=60;by="principal"',
  )
  const admitted = async (principal: Parameters<typeof limits.byPrincipal>[1]) => {
    let count = 0
    while (count < 9 && (await limits.byPrincipal(requestOf(), principal)).refusal === undefined) count += 1
    return count
  }
  assert.equal(await admitted(principalOf('key:a', { plan: 'free' })), 1)
  assert.equal(await admitted(principalOf('key:b', { plan: 'gold' })), 2)
  assert.equal(await admitted(principalOf('key:c', { plan: 'gold' })), 2)
  assert.equal(await admitted(principalOf('issuer|d', { kind: 'token', plan: 'gold' })), 3)
  assert.equal(await admitted(principalOf('key:e')), 3)
  assert.equal(await admitted(undefined), 9, 'a request without a principal has no limit by principal')
})

test('By address is decided before anything is verified, and all else behind it', async () => {
  const { limits } = createLimitsWorld(
    '"a";q=9;w=60;by="address", "b";q=9;w=60;by="address+principal", "c";q=9;w=60;by="address";plan="gold", "d";q=9;w=60',
  )
  const first = await limits.byClient(requestOf())
  assert.equal(fieldsOf(first).ratelimit, '"a";r=8;t=7')
  const second = await limits.byPrincipal(requestOf(), principalOf('key:a', { plan: 'gold' }))
  assert.equal(fieldsOf(second).ratelimit, '"b";r=8;t=7, "c";r=8;t=7, "d";r=8;t=7')
})

test('Requests in progress are counted until they are released, once each', async () => {
  const { limits } = createLimitsWorld('"parallel";q=2;kind="concurrent";by="principal"')
  const begin = () => limits.byPrincipal(requestOf(), principalOf('key:a'))
  const [one, two, three] = [await begin(), await begin(), await begin()]
  assert.deepEqual(fieldsOf(one), {
    'ratelimit-policy': '"parallel";q=2;qu="concurrent-requests"',
    ratelimit: '"parallel";r=1',
  })
  assert.equal(two.refusal, undefined)
  assert.deepEqual(three.refusal?.error.violatedPolicies, ['parallel'])
  assert.equal(three.refusal?.error.retryAfterSeconds, 1)
  assert.equal(three.release, undefined)
  one.release?.()
  one.release?.()
  assert.equal((await begin()).refusal, undefined)
  assert.notEqual((await begin()).refusal, undefined)
})

test('A request that is refused behind its slot gives that back', async () => {
  const { limits, clock } = createLimitsWorld('"parallel";q=1;kind="concurrent", "rate";q=1;w=1')
  const first = await limits.byPrincipal(requestOf(), undefined)
  first.release?.()
  assert.deepEqual((await limits.byPrincipal(requestOf(), undefined)).refusal?.error.violatedPolicies, [
    'rate',
  ])
  clock.advance(1_000)
  assert.equal((await limits.byPrincipal(requestOf(), undefined)).refusal, undefined)
})

test('A request that costs more, such as one with a bad token, is charged the rest of its price', async () => {
  const { limits } = createLimitsWorld('"client";q=60;w=60;burst=10;by="address"')
  await limits.byClient(requestOf())
  limits.charge(requestOf(), 4)
  assert.equal(fieldsOf(await limits.byClient(requestOf())).ratelimit, '"client";r=4;t=1')
  for (let i = 0; i < 9; i++) limits.charge(requestOf(), 4)
  assert.equal((await limits.byClient(requestOf())).refusal?.error.retryAfterSeconds, 1)
})

test('Logins are counted by address and by account, which is stored hashed; nothing else counts them', async () => {
  const { limits } = createLimitsWorld(
    '"login";q=1;w=60;burst=2;by="address";on="login", "account";q=1;w=60;burst=3;by="account";on="login"',
    { countsRequests: false },
  )
  const login = (address: string, account: string) => limits.byLogin(requestOf({ address }), account)
  assert.deepEqual((await limits.byClient(requestOf())).fields, [])
  for (let i = 0; i < 2; i++) assert.equal((await login('192.0.2.1', 'ada')).refusal, undefined)
  assert.deepEqual((await login('192.0.2.1', 'ada')).refusal?.error.violatedPolicies, ['login'])
  assert.deepEqual((await login('192.0.2.1', 'eve')).refusal?.error.violatedPolicies, ['login'])
  assert.equal((await login('192.0.2.2', 'ada')).refusal, undefined)
  assert.deepEqual((await login('192.0.2.2', 'ada')).refusal?.error.violatedPolicies, ['account'])
  assert.equal((await login('192.0.2.2', 'bob')).refusal, undefined)
})

test('Where requests are not counted, none is', async () => {
  const { limits } = createLimitsWorld('"client";q=1;w=60;by="address", "all";q=1;w=60', {
    countsRequests: false,
  })
  for (let i = 0; i < 3; i++) {
    assert.equal((await limits.byClient(requestOf())).refusal, undefined)
    assert.equal((await limits.byPrincipal(requestOf(), undefined)).refusal, undefined)
  }
})

test('Each of several processes that count by themselves has its share', async () => {
  const { limits, clock } = createLimitsWorld('"client";q=40;w=10;burst=8;by="address"', { processes: 4 })
  const admitted = async () => {
    let count = 0
    while ((await limits.byClient(requestOf())).refusal === undefined) count += 1
    return count
  }
  assert.equal(await admitted(), 2)
  clock.advance(1_000)
  assert.equal(await admitted(), 1)
})

test('A changed file of policies holds from the next request on; a bad one is reported and changes nothing', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'quintet-limits-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'policies')
  const lines: string[] = []
  const log = (...[details, text]: unknown[]) => void lines.push(`${text} ${JSON.stringify(details)}`)
  writeFileSync(file, '# first\n"client";q=1;w=60;burst=5;by="address"\n')
  const { limits, clock } = createLimitsWorld('', {
    file,
    logger: { info: log, warn: log },
    principals: { keys: false },
  })
  assert.equal(fieldsOf(await limits.byClient(requestOf())).ratelimit, '"client";r=4;t=60')
  const change = (text: string) => {
    writeFileSync(file, text)
    clock.advance(1_000)
    return limits.byClient(requestOf())
  }
  assert.deepEqual(
    (await change('"client";q=1;w=600;burst=1;by="address"\n')).refusal?.error.violatedPolicies,
    ['client'],
  )
  assert.notEqual((await change('"client";q=0\n')).refusal, undefined)
  assert.notEqual((await change('"client";q=9;w=9;by="address+key"\n')).refusal, undefined)
  assert.equal(fieldsOf(await change('"other";q=9;w=9;by="address"')).ratelimit, '"other";r=8;t=1')
  rmSync(file)
  clock.advance(1_000)
  assert.equal(fieldsOf(await limits.byClient(requestOf())).ratelimit, '"other";r=8;t=1')
  assert.equal(
    lines.filter((line) => line.startsWith('the policies in RATE_LIMIT_FILE have changed')).length,
    2,
  )
  const bad = lines.filter((line) => line.startsWith('the policies in RATE_LIMIT_FILE are bad'))
  assert.equal(bad.length, 3)
  assert.match(bad[0] ?? '', /q must be an integer from 1/)
  assert.match(bad[1] ?? '', /by=\\"key\\" limits nobody without AUTH and API_KEYS_FILE/)
  assert.match(bad[2] ?? '', /the file does not exist/)
})

test('While quotas cannot be counted requests are 503, but for those that show this state', async () => {
  const { limits } = createLimitsWorld('"day";q=10;kind="quota";per="day";by="all"')
  const statusOf = async (path: string) =>
    (await limits.byPrincipal(requestOf({ path }), undefined)).refusal?.error.status
  assert.deepEqual(
    [await statusOf('/guid/1'), await statusOf('/health'), await statusOf('/metrics')],
    [503, undefined, undefined],
  )
  assert.equal(await statusOf('/healthy'), 503)
})
