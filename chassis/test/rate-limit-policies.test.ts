import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseRateLimitPolicies, policiesOfLines } from '@quintet/chassis/config'

const faultsOf = (text: string) => parseRateLimitPolicies(text).faults

test('A policy is written in the notation of the field, with what is its own', () => {
  const text =
    '"free";q=600;w=60;burst=200;by="address+route";on="POST /guid, /api/movies/";cost=2;plan="gold";dry;degraded=open'
  assert.deepEqual(parseRateLimitPolicies(text), {
    faults: [],
    policies: [
      {
        name: 'free',
        kind: 'rate',
        quota: 600,
        windowSeconds: 60,
        burst: 200,
        period: 'day',
        by: ['address', 'route'],
        on: [
          { method: 'POST', path: '/guid' },
          { method: undefined, path: '/api/movies' },
        ],
        isForLogin: false,
        cost: 2,
        plan: 'gold',
        isDry: true,
        degraded: 'open',
      },
    ],
  })
})

test('A quota has a calendar period, and what is concurrent has no time', () => {
  const { policies, faults } = parseRateLimitPolicies(
    '"month";q=100000;kind="quota";per=month;by="key", "parallel";q=10;kind="concurrent";by="principal"',
  )
  assert.deepEqual(faults, [])
  assert.deepEqual(
    policies.map(({ name, kind, period, by }) => ({ name, kind, period, by })),
    [
      { name: 'month', kind: 'quota', period: 'month', by: ['key'] },
      { name: 'parallel', kind: 'concurrent', period: 'day', by: ['principal'] },
    ],
  )
})

test('A list may be empty, and a file has a policy or several a line, with comments', () => {
  assert.deepEqual(parseRateLimitPolicies(''), { policies: [], faults: [] })
  const lines = '# For clients without a key\n"a";q=1;w=1\r\n\n  "b";q=2;w=1, "c";q=3;w=1,\n#"d";q=4;w=1\n'
  assert.equal(policiesOfLines(lines), '"a";q=1;w=1, "b";q=2;w=1, "c";q=3;w=1')
})

test('All faults of all policies are named at once', () => {
  assert.deepEqual(faultsOf('"a";q=0;w=1;rate=5, "b";q=1;w=1.5;by="tree", "a";q=1;w=1, "a";q=1;w=1'), [
    '"a": q must be an integer from 1 to 1000000000',
    '"a": there is no parameter rate here',
    '"b": w must be an integer from 1 to 2678400',
    '"b": by must be all, or some of address, principal, key, account, route joined by +, but is "tree"',
    '"a" is there more than once',
  ])
})

for (const [text, fault] of [
  ['"a";w=1', /^"a": q, the number of units, is missing$/],
  ['"a";q=1', /w, the seconds in which q units are there, is missing/],
  ['"a";q=1;kind="quota";by="key"', /per, day or month, is missing/],
  ['"a";q=1;kind="quota";per="day";w=60;by="key"', /there is no parameter w here/],
  ['"a";q=1;kind="quota";per="day";by="address"', /a quota is by principal or key/],
  ['"a";q=1;w=1;kind="tree"', /kind must be one of rate, quota, concurrent/],
  ['"a";q=10001;w=1', /q \/ w is more than 10000 units a second/],
  ['"a";q=9;w=1;burst=2;cost=3', /cost is 3, more than there is ever at once \(2\)/],
  ['"a";q=1;w=1;by="account"', /by="account" needs on="login"/],
  ['"a";q=1;w=1;by="key";on="login"', /who logs in has no principal, key or plan yet/],
  ['"a";q=1;kind="concurrent";on="login"', /on="login" is for rates only/],
  ['"a";q=1;w=1;on="guid"', /on must be login, or paths/],
  ['"a";q=1;w=1;on="post /guid"', /on must be login, or paths/],
  ['"a";q=1;w=1;dry=1', /dry has no value/],
  ['a;q=1;w=1', /begins with its name in quotes/],
  ['"a b";q=1;w=1', /begins with its name in quotes/],
  ['("a");q=1;w=1', /begins with its name in quotes/],
  ['"a";q=1;w=1,', /it is no list of structured fields/],
  ['"a";q=1;w=1 "b"', /it is no list of structured fields/],
] as const)
  test(`${text} is refused`, () => {
    assert.equal(faultsOf(text).length, 1)
    assert.match(faultsOf(text)[0] ?? '', fault)
  })
