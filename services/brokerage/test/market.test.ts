import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createMarket, isZone } from '../src/market.ts'
import type { MarketRules } from '../src/market.ts'

const usual: MarketRules = { open: '06:00:00', close: '15:00:00', zone: '-06:00', days: 'sun-sat' }
const market = (rules: Partial<MarketRules> = {}) => createMarket({ ...usual, ...rules })
const at = (text: string) => Date.parse(text)

test('By default the market is open from 06:00:00 until just before 15:00:00 at UTC-6', () => {
  const { isOpen } = market()
  for (const [time, expected] of [
    ['05:59:59.999', false],
    ['06:00:00.000', true],
    ['14:59:59.999', true],
    ['15:00:00.000', false],
    ['00:00:00.000', false],
    ['23:59:59.999', false],
  ] as const)
    assert.equal(isOpen(at(`2030-01-01T${time}-06:00`)), expected, time)
})

test('By default it is open every day, also before 1970', () => {
  const { isOpen } = market()
  for (let day = 1; day <= 14; day++) {
    const date = `2030-06-${String(day).padStart(2, '0')}`
    assert.ok(isOpen(at(`${date}T12:00:00-06:00`)))
    assert.ok(!isOpen(at(`${date}T16:00:00-06:00`)))
  }
  assert.ok(isOpen(at('1969-03-02T12:00:00-06:00')))
})

test('Outside of MARKET_DAYS, in the calendar of its time zone, it is closed', () => {
  const { isOpen } = market({ days: 'mon-fri' })
  assert.ok(isOpen(at('2030-01-04T14:00:00-06:00')), 'Friday')
  assert.ok(!isOpen(at('2030-01-05T12:00:00-06:00')), 'Saturday')
  assert.ok(!isOpen(at('2030-01-06T12:00:00-06:00')), 'Sunday')
  assert.ok(isOpen(at('2030-01-07T12:00:00-06:00')), 'Monday')
  const tokyo = market({ days: 'sat', zone: 'Asia/Tokyo' })
  assert.ok(tokyo.isOpen(at('2030-01-04T22:00:00Z')), 'Friday in UTC, Saturday in Tokyo')
})

test('Days are names, lists and ranges, also across the end of the week', () => {
  const openDays = (days: string) =>
    ['06', '07', '08', '09', '10', '11', '12'].filter((day) =>
      market({ days }).isOpen(at(`2030-01-${day}T12:00:00-06:00`)),
    )
  assert.deepEqual(openDays('mon,wed'), ['07', '09'])
  assert.deepEqual(openDays('fri-mon'), ['06', '07', '11', '12'])
  assert.deepEqual(openDays('sun,tue-wed'), ['06', '08', '09'])
})

test('A market whose closing time is before its opening time is open overnight, from the days on which it opens', () => {
  const { isOpen } = market({ open: '22:00', close: '04:00', days: 'fri' })
  for (const [time, expected] of [
    ['2030-01-04T21:59:59-06:00', false],
    ['2030-01-04T22:00:00-06:00', true],
    ['2030-01-05T03:59:59-06:00', true],
    ['2030-01-05T04:00:00-06:00', false],
    ['2030-01-05T23:00:00-06:00', false],
    ['2030-01-04T03:00:00-06:00', false],
  ] as const)
    assert.equal(isOpen(at(time)), expected, time)
})

test('In a zone with daylight saving time the hours are local times before and after the change', () => {
  const { isOpen } = market({ zone: 'America/New_York', open: '09:30', close: '16:00' })
  for (const [time, expected] of [
    ['2030-03-09T14:29:59Z', false],
    ['2030-03-09T14:30:00Z', true],
    ['2030-03-10T13:29:59Z', false],
    ['2030-03-10T13:30:00Z', true],
    ['2030-03-10T20:00:00Z', false],
    ['2030-11-02T13:30:00Z', true],
    ['2030-11-03T13:30:00Z', false],
    ['2030-11-03T14:30:00Z', true],
    ['2030-11-03T20:59:59Z', true],
    ['2030-11-03T21:00:00Z', false],
  ] as const)
    assert.equal(isOpen(at(time)), expected, time)
})

test('A skipped opening time is later by the size of the jump', () => {
  const { isOpen } = market({ zone: 'America/New_York', open: '02:30', close: '10:00' })
  assert.ok(!isOpen(at('2030-03-10T03:29:59-04:00')))
  assert.ok(isOpen(at('2030-03-10T03:30:00-04:00')))
})

test('A closing time that occurs twice means the first occurrence', () => {
  const { isOpen } = market({ zone: 'America/New_York', open: '00:30', close: '01:30' })
  assert.ok(isOpen(at('2030-11-03T01:29:59-04:00')))
  assert.ok(!isOpen(at('2030-11-03T01:30:00-04:00')))
  assert.ok(!isOpen(at('2030-11-03T01:15:00-05:00')))
})

test('A session that a clock change leaves no time for does not take place', () => {
  const { isOpen, hours } = market({ zone: 'America/New_York', open: '02:30', close: '03:15' })
  const midnight = at('2030-03-10T00:00:00-05:00')
  for (let minute = 0; minute < 23 * 60; minute++) assert.ok(!isOpen(midnight + minute * 60_000))
  assert.equal(hours(at('2030-03-10T01:00:00-05:00')).nextOpen, '2030-03-11T02:30:00-04:00')
})

test('The next opening and closing are reported with the offset of the zone', () => {
  assert.deepEqual(market().hours(at('2030-01-01T05:00:00-06:00')), {
    isOpen: false,
    nextOpen: '2030-01-01T06:00:00-06:00',
    nextClose: '2030-01-01T15:00:00-06:00',
  })
  assert.deepEqual(market().hours(at('2030-01-01T06:00:00-06:00')), {
    isOpen: true,
    nextOpen: '2030-01-02T06:00:00-06:00',
    nextClose: '2030-01-01T15:00:00-06:00',
  })
  assert.deepEqual(market({ days: 'mon' }).hours(at('2030-01-07T15:00:00-06:00')), {
    isOpen: false,
    nextOpen: '2030-01-14T06:00:00-06:00',
    nextClose: '2030-01-14T15:00:00-06:00',
  })
  const newYork = market({ zone: 'America/New_York', days: 'mon-fri' })
  assert.deepEqual(newYork.hours(at('2030-03-08T15:30:00-05:00')), {
    isOpen: false,
    nextOpen: '2030-03-11T06:00:00-04:00',
    nextClose: '2030-03-11T15:00:00-04:00',
  })
  assert.equal(market({ zone: '+05:30' }).hours(0).nextOpen, '1970-01-01T06:00:00+05:30')
})

test('A market whose opening and closing times are equal is open all day, and adjacent sessions are merged', () => {
  const week = market({ open: '00:00', close: '00:00', days: 'mon-fri' })
  assert.deepEqual(week.hours(at('2030-01-05T12:00:00-06:00')), {
    isOpen: false,
    nextOpen: '2030-01-07T00:00:00-06:00',
    nextClose: '2030-01-12T00:00:00-06:00',
  })
  assert.deepEqual(market({ open: '08:00', close: '08:00' }).hours(at('2030-01-05T12:00:00Z')), {
    isOpen: true,
  })
})

test('The reported next opening and closing agree with isOpen, for any hours, days and instant', () => {
  const time = fc
    .tuple(fc.integer({ min: 0, max: 23 }), fc.integer({ min: 0, max: 59 }))
    .map(([h, m]) => `${String(h).padStart(2, '0')}:${String(m).padStart(2, '0')}`)
  const days = fc
    .subarray(['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'], { minLength: 1 })
    .map((names) => names.join())
  const zone = fc.constantFrom('-06:00', '+13:45', 'America/New_York', 'Europe/Madrid', 'Australia/Lord_Howe')
  const instant = fc.integer({ min: at('2029-01-01T00:00:00Z'), max: at('2031-01-01T00:00:00Z') })
  fc.assert(
    fc.property(time, time, days, zone, instant, (open, close, days, zone, now) => {
      const { isOpen, hours } = createMarket({ open, close, days, zone })
      const { isOpen: open_, nextOpen, nextClose } = hours(now)
      assert.equal(open_, isOpen(now))
      for (const [text, before] of [
        [nextOpen, false],
        [nextClose, true],
      ] as const) {
        if (text === undefined) continue
        assert.ok(at(text) > now)
        assert.equal(isOpen(at(text) - 1), before)
        assert.equal(isOpen(at(text)), !before)
      }
      // The state does not change before the first of the two.
      const next = Math.min(
        ...[nextOpen, nextClose].flatMap((text) => (text === undefined ? [] : [at(text)])),
        now + 86_400_000,
      )
      for (let t = now; t < next; t += 900_000) assert.equal(isOpen(t), open_)
    }),
  )
})

test('A zone is an offset or a name in the time zone database', () => {
  for (const zone of ['-06:00', '+00:00', '+05:45', 'UTC', 'America/Mexico_City', 'Europe/London'])
    assert.ok(isZone(zone), zone)
  for (const zone of ['', 'Mars/Olympus', '-6', 'UTC-6', '-24:00', '../../etc/passwd'])
    assert.ok(!isZone(zone), zone)
})
