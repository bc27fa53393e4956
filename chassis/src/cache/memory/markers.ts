/** The writes in progress on a key. `mayStore`: no other process wrote to the database since the first of them began. */
export type Marker = { writers: number; contended: boolean; mayStore: boolean }

/** The markers of a cache in memory. They last as long as their writes. */
export function createMarkers() {
  const markers = new Map<string, Marker>()
  return {
    has: (key: string) => markers.has(key),

    /** Of overlapping writes, `mayStore` of the first one counts. */
    begin(key: string, mayStore: boolean): Marker {
      const marker = markers.get(key) ?? { writers: 0, contended: false, mayStore }
      marker.contended = marker.writers > 0
      marker.writers += 1
      markers.set(key, marker)
      return marker
    },

    /**
     * Whether the write may store its value: the order in which overlapping writes took effect in the database is unknown
     * here, so none of them does.
     */
    end(key: string, marker: Marker): boolean {
      marker.writers -= 1
      if (marker.writers === 0) markers.delete(key)
      return marker.mayStore && !marker.contended
    },

    /** Markers stay until their writes end, but none of those writes may store its value any more. */
    forbidStoring(): void {
      for (const marker of markers.values()) marker.mayStore = false
    },
  }
}
