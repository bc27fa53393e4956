import { defineScript } from '@redis/client'

/**
 * The steps of the protocol, each atomic in Redis (docs/decisions/0021). A key holds one of: `E…` a value, `N` a known absence,
 * `L<token>` the lease of a reader that loads, `W<taint>|<token>:<expiry>,…` the markers of writes in progress. Markers have no
 * TTL in Redis, so that none is evicted; their expiry is part of the value, by the clock of Redis. A marker that has expired
 * counts until `settledUntil`, a time of Redis: writes whose markers expired by then have ended. KEYS[1] is always the record
 * of the generation; a step of another generation does nothing and returns `GONE`.
 */

const now = `local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)`
const refuseGone = `if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'GONE' end`
/** ARGV[2] is the token, ARGV[3] `settledUntil`. Of the other markers that have expired, the last stands for all. */
const keepOthers = `local others = '' local mine = false local past = 0 local s = redis.call('GET', KEYS[2])
if s and string.sub(s, 1, 1) == 'W' then
  for token, till in string.gmatch(s, '([%w-]+):(%d+)') do
    if token == ARGV[2] then mine = true
    elseif tonumber(till) > now then others = others .. token .. ':' .. till .. ','
    elseif tonumber(till) > tonumber(ARGV[3]) then past = math.max(past, tonumber(till)) end
  end
  if past > 0 then others = others .. 'expired:' .. string.format('%d', past) .. ',' end
end`
/** Returns `BUSY` while a marker is valid, and `DOUBT<now>` while the last has expired and is not settled. */
const refuseMarked = (settledUntil: string) => `local last = 0
for till in string.gmatch(s, ':(%d+)') do last = math.max(last, tonumber(till)) end
if last > now then return 'BUSY' end
if last > tonumber(${settledUntil}) then return 'DOUBT' .. string.format('%d', now) end`

/** Returns the stored value, or `MISS` with the lease granted, or why it is not: `WAIT`, `BUSY`, `DOUBT<now>`. */
const lease = script<[token: string, settledUntil: number, leaseMs: number], string>(`${refuseGone} ${now}
local s = redis.call('GET', KEYS[2])
if s then
  local kind = string.sub(s, 1, 1)
  if kind == 'E' or kind == 'N' then return s end
  if kind == 'L' then return 'WAIT' end
  if kind == 'W' then ${refuseMarked('ARGV[3]')} end
end
redis.call('SET', KEYS[2], 'L' .. ARGV[2], 'PX', ARGV[4]) return 'MISS'`)

/** Replaces the lease by a value, or removes it for ''. `LOST`: a write has revoked the lease. */
const fill = script<[token: string, value: string, ttlMs: number], string>(`${refuseGone}
if redis.call('GET', KEYS[2]) ~= 'L' .. ARGV[2] then return 'LOST' end
if ARGV[3] == '' or tonumber(ARGV[4]) < 5 then redis.call('DEL', KEYS[2]) return 'EMPTY' end
redis.call('SET', KEYS[2], ARGV[3], 'PX', ARGV[4]) return 'OK'`)

/** Marks the key, whatever it holds. Markers that overlap taint each other. */
const begin = script<
  [token: string, settledUntil: number, markerMs: number],
  string
>(`${refuseGone} ${now} ${keepOthers}
redis.call('SET', KEYS[2], 'W' .. (others == '' and '0' or '1') .. '|' .. others .. ARGV[2] .. ':' .. (now + tonumber(ARGV[4])) .. ',')
return 'OK'`)

/**
 * Removes the marker, and stores a value where no other marker overlapped it. The order in which overlapping writes took
 * effect in the database is not known here, so none of them stores its value.
 */
const end = script<
  [token: string, settledUntil: number, value: string, ttlMs: number],
  string
>(`${refuseGone} ${now} ${keepOthers}
if s and string.sub(s, 1, 1) ~= 'W' then redis.call('DEL', KEYS[2]) return 'LOST' end
if not s then return 'LOST' end
if others ~= '' then redis.call('SET', KEYS[2], 'W1|' .. others) return 'SHARED' end
local alone = mine and string.sub(s, 2, 2) == '0'
if not alone or ARGV[4] == '' or tonumber(ARGV[5]) < 5 then
  redis.call('DEL', KEYS[2]) return alone and 'EMPTY' or 'SHARED'
end
redis.call('SET', KEYS[2], ARGV[4], 'PX', ARGV[5]) return 'OK'`)

/** Removes a key whose markers are all settled, as those of a writer that died come to be; or returns why not, as `lease` does. */
const sweep = script<[settledUntil: number], string>(`${now}
local s = redis.call('GET', KEYS[2])
if not s or string.sub(s, 1, 1) ~= 'W' then return 'OTHER' end
${refuseMarked('ARGV[2]')}
redis.call('DEL', KEYS[2]) return 'OK'`)

export const scripts = { lease, fill, begin, end, sweep }

function script<Arguments extends readonly (string | number)[], Reply>(text: string) {
  return defineScript({
    SCRIPT: text,
    NUMBER_OF_KEYS: 2,
    parseCommand(
      parser: { pushKey(key: string): unknown; push(...values: string[]): unknown },
      record: { readonly key: string; readonly text: string },
      key: string,
      ...values: Arguments
    ) {
      parser.pushKey(record.key)
      parser.pushKey(key)
      parser.push(record.text, ...values.map(String))
    },
    transformReply: (reply: Reply) => reply,
  })
}
