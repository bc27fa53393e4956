import { defineScript } from '@redis/client'

/**
 * The steps of the protocol, each atomic in Redis. A key holds one of: `V…` a value, `N` a known absence, `L<token>` the lease
 * of a reader that loads, `W<taint>|<token>:<expiry>,…` the markers of writes in progress. Markers have no TTL in Redis, so
 * that none is evicted; their expiry is part of the value, by the clock of Redis. KEYS[1] is always the record of the
 * generation; a step of another generation does nothing and returns `GONE`.
 */

const now = `local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)`
const refuseGone = `if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'GONE' end`
const keepOthers = `local others = '' local mine = nil local s = redis.call('GET', KEYS[2])
if s and string.sub(s, 1, 1) == 'W' then
  for token, till in string.gmatch(s, '([%w-]+):(%d+)') do
    if token == ARGV[2] then mine = tonumber(till)
    elseif tonumber(till) > now then others = others .. token .. ':' .. till .. ',' end
  end
end`

/** Returns the stored value, or `MISS` with the lease granted, or why it is not: `WAIT`, `BUSY`, `QUARANTINE`. */
const lease = script<[token: string, leaseMs: number, quarantineEndsAt: number], string>(`${refuseGone} ${now}
if now < tonumber(ARGV[4]) then return 'QUARANTINE' end
local s = redis.call('GET', KEYS[2])
if s then
  local kind = string.sub(s, 1, 1)
  if kind == 'V' or kind == 'N' then return s end
  if kind == 'L' then return 'WAIT' end
  for token, till in string.gmatch(s, '([%w-]+):(%d+)') do if tonumber(till) > now then return 'BUSY' end end
end
redis.call('SET', KEYS[2], 'L' .. ARGV[2], 'PX', ARGV[3]) return 'MISS'`)

/** Replaces the lease by a value, or removes it for ''. `LOST`: a write has revoked the lease. */
const fill = script<[token: string, value: string, ttlMs: number], string>(`${refuseGone}
if redis.call('GET', KEYS[2]) ~= 'L' .. ARGV[2] then return 'LOST' end
if ARGV[3] == '' or tonumber(ARGV[4]) < 5 then redis.call('DEL', KEYS[2]) return 'EMPTY' end
redis.call('SET', KEYS[2], ARGV[3], 'PX', ARGV[4]) return 'OK'`)

/** Marks the key, whatever it holds. Markers that overlap taint each other. */
const begin = script<[token: string, markerMs: number], string>(`${refuseGone} ${now} ${keepOthers}
redis.call('SET', KEYS[2], 'W' .. (others == '' and '0' or '1') .. '|' .. others .. ARGV[2] .. ':' .. (now + tonumber(ARGV[3])) .. ',')
return 'OK'`)

/**
 * Removes the marker, and stores a value where no other marker overlapped it. The order in which overlapping writes took
 * effect in the database is not known here, so none of them stores its value.
 */
const end = script<
  [token: string, value: string, ttlMs: number, quarantineEndsAt: number],
  string
>(`${refuseGone} ${now} ${keepOthers}
if s and string.sub(s, 1, 1) ~= 'W' then redis.call('DEL', KEYS[2]) return 'LOST' end
if not s then return 'LOST' end
if others ~= '' then redis.call('SET', KEYS[2], 'W1|' .. others) return 'SHARED' end
local alone = mine and mine > now and string.sub(s, 2, 2) == '0'
if not alone or ARGV[3] == '' or tonumber(ARGV[4]) < 5 or now < tonumber(ARGV[5]) then
  redis.call('DEL', KEYS[2]) return alone and 'EMPTY' or 'SHARED'
end
redis.call('SET', KEYS[2], ARGV[3], 'PX', ARGV[4]) return 'OK'`)

/** Removes a key whose markers have all expired, as those of a writer that died do. */
const sweep = script<[], string>(`${now}
local s = redis.call('GET', KEYS[2])
if not s or string.sub(s, 1, 1) ~= 'W' then return 'OTHER' end
for token, till in string.gmatch(s, '([%w-]+):(%d+)') do if tonumber(till) > now then return 'BUSY' end end
redis.call('DEL', KEYS[2]) return 'OK'`)

/** Starts a generation unless another process did so since `seen` was read; returns the record now valid. */
const renew = defineScript({
  SCRIPT: `${now}
local s = redis.call('GET', KEYS[1])
if (s or '') ~= ARGV[1] then return s or '' end
local record = ARGV[2] .. '|' .. ARGV[3] .. '|' .. string.format('%d', now)
redis.call('SET', KEYS[1], record) return record`,
  NUMBER_OF_KEYS: 1,
  parseCommand(parser, record: string, seen: string, generation: string, runId: string) {
    parser.pushKey(record)
    parser.push(seen, generation, runId)
  },
  transformReply: (reply: string) => reply,
})

export const scripts = { lease, fill, begin, end, sweep, renew }

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
