export const queueMigrations = new URL('./migrations/', import.meta.url)
