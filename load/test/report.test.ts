import assert from 'node:assert/strict'
import { test } from 'node:test'
import { UsageError } from '@quintet/backends/command-line'
import { parseArguments } from '../arguments.ts'
import { findK6 } from '../find-k6.ts'
import { formatReport, htmlOf, reportOf } from '../report.ts'
import { parseSummary } from '../summary.ts'

const about = {
  profile: 'stress',
  target: 'http://127.0.0.1:3000',
  date: '2030-01-01',
  isSearch: false,
  backMs: 12,
}

/** A run of two seconds in two parts, in the second of which a third is refused. */
function summaryOf(failed: number) {
  const counts = {
    'part:0,kind:ok': 100,
    'part:1,kind:ok': 80,
    'part:1,kind:refused': 40,
    'kind:ok': 180,
    'kind:refused': 40,
    'kind:refused,code:503': 30,
  }
  const responses = Object.entries(counts).map(([tags, count]) => [
    `responses{${tags}}`,
    { values: { count } },
  ])
  const duration = { count: 110, med: 3, 'p(95)': 9, 'p(99)': 20, max: 51 }
  return parseSummary(
    JSON.stringify({
      service: 'mixed',
      plan: { rate: 50, seconds: 2, phases: [{ name: 'load', seconds: 2, share: 1 }] },
      metrics: {
        ...Object.fromEntries(responses),
        'responses{kind:failed}': { values: { count: failed }, thresholds: { 'count>=0': { ok: true } } },
        http_req_duration: { values: duration },
        'http_req_duration{part:0}': { values: duration, thresholds: { 'max>=0': { ok: true } } },
        'http_req_duration{part:1}': { values: duration, thresholds: { 'max>=0': { ok: true } } },
        failed: { values: { rate: 0 }, thresholds: { 'rate<0.001': { ok: failed === 0 } } },
        'responses{kind:refused,phase:after}': {
          values: { count: 0 },
          thresholds: { 'count==0': { ok: true } },
        },
      },
    }),
  )
}

test('A report has the outcome of a run: its requests by kind, the longest, the rate without refusals, and what was demanded', () => {
  const text = formatReport(reportOf(summaryOf(0), about))
  assert.match(
    text,
    /180 requests were answered as expected, 40 refused with Retry-After \(30 by 503, 10 by 429\), 0 failed\./,
  )
  assert.match(text, /The longest took 51 ms\./)
  assert.match(text, /answered up to 100 requests per second\./)
  assert.match(text, /^ {2}yes {2}share of failed requests: rate<0\.001$/m)
  assert.match(text, /^ {2}yes {2}responses \(kind:refused, phase:after\): count==0$/m)
  assert.match(text, /It was ready 12 ms after the end\./)
  assert.match(text, /^ {2}yes {2}ready again: within 10 s$/m)
  assert.doesNotMatch(text, />=0/)
  assert.match(formatReport(reportOf(summaryOf(1), about)), /^ {2}NO {3}share of failed requests/m)
  const away = formatReport(reportOf(summaryOf(0), { ...about, backMs: undefined }))
  assert.match(away, /After the end it did not become ready in time\./)
  assert.match(away, /^ {2}NO {3}ready again: within 10 s$/m)
})

test('The page of a report has its charts, and escapes what it shows', () => {
  const page = htmlOf(reportOf(summaryOf(0), { ...about, target: 'http://<b>' }))
  assert.match(page, /<svg /)
  assert.match(page, /requests per second, by their responses/)
  assert.equal(page.match(/<polyline/g)?.length, 6)
  assert.match(page, /http:\/\/&lt;b&gt;/)
})

test('Of a search for the limit only failures and hung requests are demanded', () => {
  const { demands } = reportOf(summaryOf(0), { ...about, isSearch: true })
  assert.deepEqual(
    demands.map(({ text }) => text),
    ['share of failed requests: rate<0.001', 'ready again: within 10 s'],
  )
})

test('A summary of another form is refused', () => {
  assert.throws(() => parseSummary('{"metrics":{}}'), /not of the form/)
})

test('Arguments are a profile and options; others are refused with what there is', () => {
  assert.deepEqual(
    parseArguments(['stress', '--service', 'guid', '--target', 'http://host:1/x', '--rate', '9']),
    {
      profile: 'stress',
      service: 'guid',
      target: 'http://host:1',
      rate: 9,
    },
  )
  for (const [words, expected] of [
    [[], /smoke, load, stress/],
    [['storm'], /smoke, load, stress/],
    [['load', 'soak'], /smoke, load, stress/],
    [['load', '--service', 'gateway'], /guid, brokerage/],
    [['load', '--rate', '0'], /--rate must be a number from 1/],
    [['load', '--seconds', 'x'], /--seconds must be a number from 1/],
    [['load', '--target', 'host'], /--target must be a URL/],
  ] as const)
    assert.throws(
      () => parseArguments(words),
      (error) => error instanceof UsageError && expected.test(error.message),
    )
})

test('k6 is K6, or on the PATH; where there is none, the error says how to install it', () => {
  assert.equal(findK6({ K6: process.execPath }), process.execPath)
  assert.throws(() => findK6({ K6: '/nowhere/k6' }), /K6 is \/nowhere\/k6/)
  assert.throws(() => findK6({ PATH: '/nowhere', GOPATH: '/nowhere' }), /go install go\.k6\.io\/k6@v1\.8\.1/)
})
