import { checkCache } from '@quintet/chassis/cache'
import { checkVersions } from '@quintet/chassis/promises'
import type { CheckedPromise } from '@quintet/chassis/promises'
import type { MovieStore } from './movie-store.ts'

/** What is promised of movies, as far as the running service can check it. */
export function moviePromises(movies: MovieStore): readonly CheckedPromise[] {
  const sampled = { noun: 'movie', pick: movies.sample }
  return [
    {
      id: 'cache',
      title: 'What is read through the cache is what the database has.',
      guarantee: 'no-stale-read',
      check: checkCache({ ...sampled, read: movies.find, load: movies.load }),
    },
    {
      id: 'versions',
      title: 'The versions of a movie only rise.',
      guarantee: 'versions-are-never-used-again',
      check: checkVersions({ ...sampled, versionOf: async (id) => (await movies.load(id))?.version }),
    },
  ]
}
