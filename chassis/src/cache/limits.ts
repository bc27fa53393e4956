/** The longest that a value is cached, whatever its own expiry. */
export const valueTtlMs = 60_000

/** The longest that an absence is cached, unless the cache is opened with another time. */
export const absentTtlMs = 5_000
