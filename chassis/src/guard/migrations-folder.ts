/** Of the database of quotas. */
export const quotaMigrations = new URL('./migrations/', import.meta.url)
