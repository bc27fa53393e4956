import { defineScript } from '@redis/client'

/**
 * What happens in Redis, each step whole. A key holds one of: `V…` a value, `N` known to be absent, `L<token>` the lease of a
 * reader who loads, `W<taint>|<token>:<until>:…` the markers of writes under way. Markers have no end of life in Redis, so that none
 * is evicted; when one ends stands in it, by Redis' own clock. KEYS[1] is always the record of the generation, and
 * a step does nothing where that is not the one that its sender knows: `GONE`.
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

/** Gives the value that is there, or `MISS` with the lease, or what keeps the reader from it: `WAIT`, `BUSY`, `QUARANTINE`. */
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

/** Puts a value in the place of the lease, or nothing for ''; not where the lease is gone, which a write has taken away. */
const fill = script<[token: string, value: string, ttlMs: number], string>(`${refuseGone}
if redis.call('GET', KEYS[2]) ~= 'L' .. ARGV[2] then return 'LOST' end
if ARGV[3] == '' or tonumber(ARGV[4]) < 5 then redis.call('DEL', KEYS[2]) return 'EMPTY' end
redis.call('SET', KEYS[2], ARGV[3], 'PX', ARGV[4]) return 'OK'`)

/** Marks the key, whatever was there. A marker that meets another taints both. */
const begin = script<[token: string, markerMs: number], string>(`${refuseGone} ${now} ${keepOthers}
redis.call('SET', KEYS[2], 'W' .. (others == '' and '0' or '1') .. '|' .. others .. ARGV[2] .. ':' .. (now + tonumber(ARGV[3])) .. ',')
return 'OK'`)

/**
 * Takes the marker away, and leaves a value where it was alone for its whole life. Of writes that met nobody here knows which
 * came last in the database, so none of them leaves what it wrote.
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

/** Removes a key whose markers have all ended without a word, as those of a writer that died do. */
const sweep = script<[], string>(`${now}
local s = redis.call('GET', KEYS[2])
if not s or string.sub(s, 1, 1) ~= 'W' then return 'OTHER' end
for token, till in string.gmatch(s, '([%w-]+):(%d+)') do if tonumber(till) > now then return 'BUSY' end end
redis.call('DEL', KEYS[2]) return 'OK'`)

/** Begins a generation where the one that was seen stands still; gives the record that stands now. */
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
