import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { AppError } from '@quintet/chassis/errors'
import type { AppOptions } from '@quintet/chassis/http'
import { createLogger } from '@quintet/chassis/telemetry'
import { createOperationsApp } from '../src/http/operations-listener.ts'
import { createSampleApp } from './sample-app.ts'

const logger = createLogger({ service: 'test', level: 'silent' })

/** Two services that are observed on a port of its own, and what listens there. */
async function world(t: TestContext, options: Partial<AppOptions> = {}) {
  const guard = { OPERATIONS_PORT: 9464 }
  const movies = await createSampleApp(t, { name: 'movies', guard, ...options })
  movies.get('/movies', async () => [])
  const guid = await createSampleApp(t, { name: 'guid', guard, dependencies: { database: async () => {} } })
  const operations = await createOperationsApp([movies.observed, guid.observed], {
    logger,
    connectionsMax: 10,
  })
  t.after(() => operations.close())
  return { movies, guid, operations }
}

const down = () => Promise.reject(new AppError('dependency_down', 'Two migrations are not applied.'))

test('With a port for operations, metrics and details of health are there, and a service has but its bare status', async (t) => {
  const { movies, operations } = await world(t, { dependencies: { database: down } })
  assert.equal((await movies.inject('/metrics')).statusCode, 404)
  const bare = await movies.inject('/health/ready')
  assert.equal(bare.statusCode, 503)
  assert.equal(bare.json().detail, 'Something that the service needs does not respond.')
  assert.equal(bare.json().errors, undefined)
  assert.deepEqual((await movies.inject('/health/live')).json(), { status: 'live' })

  assert.deepEqual((await operations.inject('/health')).json(), {
    status: 'degraded',
    services: {
      movies: { status: 'not ready', dependencies: { database: 'Two migrations are not applied.' } },
      guid: { status: 'ready', dependencies: { database: 'up' } },
    },
  })
  assert.deepEqual((await operations.inject('/health/guid')).json(), {
    status: 'ready',
    dependencies: { database: 'up' },
  })
  assert.deepEqual((await operations.inject('/health/live')).json(), { status: 'live' })
  const ready = await operations.inject('/health/ready')
  assert.equal(ready.statusCode, 503)
  assert.equal(ready.json().detail, 'Not ready: movies.')
})

test('A ready service says no more on its own port than that it is', async (t) => {
  const { guid, operations } = await world(t)
  assert.deepEqual((await guid.inject('/health/ready')).json(), { status: 'ready' })
  assert.deepEqual((await operations.inject('/health/ready')).json(), { status: 'ready' })
  assert.equal((await operations.inject('/health')).json().status, 'ok')
})

test('The metrics of the process are those of all its services, each metric described once, and those of one service are its own, the last with the process', async (t) => {
  const { movies, operations } = await world(t)
  await movies.inject('/movies')
  const all = await operations.inject('/metrics?name[]=any')
  assert.match(String(all.headers['content-type']), /^text\/plain; version=/)
  assert.match(
    all.body,
    /^http_server_request_duration_seconds_count\{service="movies",http_request_method="GET",http_route="\/movies",http_response_status_code="200"\} 1$/m,
  )
  const described = all.body.match(/^# TYPE \S+/gm) ?? []
  assert.equal(new Set(described).size, described.length)
  const services = new Set([...all.body.matchAll(/service="(\w+)"/g)].map(([, name]) => name))
  assert.deepEqual([...services].sort(), ['guid', 'movies'])
  assert.equal(all.body.match(/^process_start_time_seconds \d+/gm)?.length, 1)
  const ofMovies = (await operations.inject('/metrics/movies')).body
  assert.match(ofMovies, /^http_server_request_duration_seconds_count\{http_request_method="GET",/m)
  assert.doesNotMatch(ofMovies, /service=|^process_/m)
  const ofLast = (await operations.inject('/metrics/guid')).body
  assert.equal(ofLast.match(/^process_start_time_seconds \d+/gm)?.length, 1)
  assert.doesNotMatch(ofLast, /service=/)
})

test('The samples of the only service of a process have no label that names it, since whoever scrapes it does', async (t) => {
  const { movies } = await world(t)
  const operations = await createOperationsApp([movies.observed], { logger, connectionsMax: 10 })
  t.after(() => operations.close())
  await movies.inject('/movies')
  const { body } = await operations.inject('/metrics')
  assert.match(body, /^http_server_request_duration_seconds_count\{http_request_method="GET",/m)
  assert.match(body, /^quintet_build_info\{version="\d+\.\d+\.\d+",node="v\d+[^"]*"\} 1$/m)
  assert.doesNotMatch(body, /service=/)
})

test('Nothing else is on the port for operations: 404 as a problem document, also for a service that does not run here', async (t) => {
  const { operations } = await world(t)
  for (const path of [
    '/',
    '/docs',
    '/openapi.json',
    '/movies',
    '/metrics/billing',
    '/health/billing',
    '/metrics/movies/x',
  ]) {
    const { statusCode, headers } = await operations.inject(path)
    assert.equal(statusCode, 404, path)
    assert.match(String(headers['content-type']), /^application\/problem\+json/, path)
  }
  assert.equal((await operations.inject({ method: 'POST', url: '/metrics' })).statusCode, 405)
})

test('While a service closes, it is not ready on either port', async (t) => {
  const { movies, operations } = await world(t)
  movies.beginClosing()
  assert.equal((await movies.inject('/health/ready')).json().detail, 'The service closes.')
  assert.equal((await operations.inject('/health/ready')).statusCode, 503)
  assert.deepEqual((await operations.inject('/health/movies')).json(), { status: 'closing' })
})
