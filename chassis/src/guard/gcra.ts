/**
 * The generic cell rate algorithm (ITU-T I.371), as a leaky bucket: a request fills in `costUs`, what was filled in leaks away as time
 * passes, and a request is admitted if the bucket does not overflow. All is in whole microseconds, so that TypeScript and Lua, whose
 * numbers are the same doubles, decide alike. What is stored is one time, at which the bucket will be empty: not a count, so changed
 * limits apply to it at once.
 */
export type Rate = {
  /** What one unit fills in: the time in which one more becomes available. */
  readonly intervalUs: number
  /** What a request fills in. */
  readonly costUs: number
  /** How much the bucket holds. */
  readonly capacityUs: number
}

/** One limit that a request is counted by. */
export type Unit = {
  /** Of all units with this limit and the same client, account or the like. */
  readonly key: string
  readonly policy: {
    readonly name: string
    readonly rate: Rate
    /** The share of it that a process has which counts by itself. */
    readonly share: Rate
    /** Whether it refuses nothing. */
    readonly isDry: boolean
    readonly degraded: 'local' | 'open' | 'closed'
  }
}

/** The rate of `quota` units in a window, or the equal share that one of several processes has. */
export function rateOf(
  policy: { quota: number; windowSeconds: number; burst: number; cost: number },
  processes = 1,
): Rate {
  const { quota, windowSeconds, burst, cost } = policy
  const unitUs = Math.ceil((windowSeconds * 1_000_000) / quota)
  const intervalUs = unitUs * processes
  const costUs = intervalUs * cost
  // A share is at least one request.
  return { intervalUs, costUs, capacityUs: Math.max(unitUs * burst, costUs) }
}

/**
 * How full a bucket is that will be empty at `emptyAtUs`. If it were more than full, since the limit was lowered or the clock set back,
 * it is full from now on, so it is to be stored as that.
 */
export function levelAt(nowUs: number, emptyAtUs: number, capacityUs: number): number {
  return Math.min(Math.max(emptyAtUs - nowUs, 0), capacityUs)
}

export function hasRoom(levelUs: number, { costUs, capacityUs }: Rate): boolean {
  return levelUs + costUs <= capacityUs
}

/** Whether none of the units refuses the request, by the levels before it. */
export function areAdmitted(units: readonly Unit[], levels: readonly number[], isShare: boolean): boolean {
  for (let i = 0; i < units.length; i++) {
    const policy = units[i]?.policy
    if (policy === undefined || policy.isDry) continue
    if (!hasRoom(levels[i] ?? 0, isShare ? policy.share : policy.rate)) return false
  }
  return true
}

/**
 * The same in Lua for a batch, in one call. KEYS are those of all units in turn. ARGV[1] is the time, or '' for that of Redis, by which a
 * key is removed when its bucket is empty: a millisecond later, since Redis counts that from the begin of the present one. Then there
 * are for each request: how many units it has; `decide`, or `charge`, which is counted in any case and fills the bucket at most; and
 * for each unit its capacity, its cost, the least level that the caller has seen, and 1 if it refuses nothing. Returns the level of
 * each unit before the request. What refuses a request counts it in no bucket.
 */
export const decisionScript = `local now, keptMs = tonumber(ARGV[1]), 3600000
if not now then local t = redis.call('TIME') now, keptMs = t[1] * 1000000 + t[2], 1 end
local levels, k, a = {}, 0, 2
while a < #ARGV do
  local count, isCharge, admitted = tonumber(ARGV[a]), ARGV[a + 1] == 'charge', true
  a = a + 2
  for i = 1, count do
    local at = a + 4 * (i - 1)
    local capacity, cost = tonumber(ARGV[at]), tonumber(ARGV[at + 1])
    local emptyAt = tonumber(redis.call('GET', KEYS[k + i]) or 0)
    local level = math.min(math.max(emptyAt - now, tonumber(ARGV[at + 2]), 0), capacity)
    levels[k + i] = level
    if emptyAt - now > capacity then
      redis.call('SET', KEYS[k + i], string.format('%.0f', now + level), 'PX', math.ceil(level / 1000) + keptMs)
    end
    if level + cost > capacity and ARGV[at + 3] ~= '1' then admitted = false end
  end
  for i = 1, count do
    local at = a + 4 * (i - 1)
    local capacity, cost = tonumber(ARGV[at]), tonumber(ARGV[at + 1])
    local level = levels[k + i] + cost
    if isCharge then level = math.min(level, capacity) end
    if (admitted or isCharge) and level <= capacity then
      redis.call('SET', KEYS[k + i], string.format('%.0f', now + level), 'PX', math.ceil(level / 1000) + keptMs)
    end
  end
  k = k + count
  a = a + 4 * count
end
return levels`
