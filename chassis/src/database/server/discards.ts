/** Which connections of a pool must not be used again because others of their time have failed. */
export function createDiscards<Connection extends object>() {
  let current = {}
  const eras = new WeakMap<Connection, object>()
  return {
    /** Adds a new connection. */
    add: (connection: Connection): void => void eras.set(connection, current),
    has: (connection: Connection): boolean => eras.get(connection) !== current,
    discardAll(): void {
      current = {}
    },
  }
}
