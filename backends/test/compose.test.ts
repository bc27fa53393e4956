import assert from 'node:assert/strict'
import { test } from 'node:test'
import { faultsOf } from '../src/compose.ts'

test('An image without a version is reported, unless it is built from this repository', () => {
  const images = [
    'redis',
    'redis:latest',
    'redis:8.2.1',
    'apache/kafka:4.1.0',
    'victoriametrics/victoria-logs:v1.52.2',
    'host:5000/redis',
    'quintet:latest',
  ]
  const services = Object.fromEntries(images.map((image) => [image, { image }]))
  assert.deepEqual(faultsOf({ services }), [
    'redis: redis is not pinned to a version',
    'redis:latest: redis:latest is not pinned to a version',
    'host:5000/redis: host:5000/redis is not pinned to a version',
  ])
})

test('A port that is published beyond loopback is reported', () => {
  const ports = [
    { host_ip: '127.0.0.1', published: '1' },
    { published: '2' },
    { host_ip: '0.0.0.0', published: '3' },
  ]
  assert.deepEqual(faultsOf({ services: { redis: { image: 'redis:8.2', ports } } }), [
    'redis: port 2 is published beyond loopback',
    'redis: port 3 is published beyond loopback',
  ])
})

test('A mounted file that does not exist is reported, but not a volume or what Docker itself has', () => {
  const volumes = [
    { type: 'bind', source: '/nowhere/at.all' },
    { type: 'bind', source: import.meta.filename },
    { type: 'bind', source: '/var/lib/docker/containers' },
    { type: 'volume', source: 'redis' },
  ]
  assert.deepEqual(faultsOf({ services: { redis: { image: 'redis:8.2', volumes } } }), [
    'redis: /nowhere/at.all is mounted but does not exist',
  ])
})

test('A service that waits for the health of a service without a health check is reported', () => {
  const depends_on = { redis: { condition: 'service_healthy' }, kafka: { condition: 'service_started' } }
  const services = { guid: { depends_on }, redis: { image: 'redis:8.2' }, kafka: { image: 'kafka:4.1' } }
  assert.deepEqual(faultsOf({ services }), [
    'guid: it waits for redis to be healthy, which has no health check',
  ])
  assert.deepEqual(
    faultsOf({ services: { ...services, redis: { image: 'redis:8.2', healthcheck: {} } } }),
    [],
  )
})
