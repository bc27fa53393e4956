type SlotUnit = { readonly key: string; readonly policy: { readonly quota: number; readonly cost: number } }

/** How many requests are in progress at a time, counted by each process with its share of the limit, which is at least one request. */
export function createSlots(processes: number) {
  const used = new Map<string, number>()
  const freeOf = ({ key, policy: { quota, cost } }: SlotUnit) =>
    Math.max(Math.floor(quota / processes), cost) - (used.get(key) ?? 0)

  function change(key: string, by: number): void {
    const count = (used.get(key) ?? 0) + by
    if (count <= 0) used.delete(key)
    else used.set(key, count)
  }

  return {
    isFree: (unit: SlotUnit) => freeOf(unit) >= unit.policy.cost,
    freeOf: (unit: SlotUnit) => Math.max(0, freeOf(unit)),
    take: ({ key, policy }: SlotUnit) => change(key, policy.cost),
    release: ({ key, policy }: SlotUnit) => change(key, -policy.cost),
  }
}
