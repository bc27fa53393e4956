// Makes the Secret of the namespace with new passwords and the URLs that have them, unless it exists.
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'

const password = () => randomBytes(24).toString('hex')
const [postgres, redis, limits, rabbitmq] = [password(), password(), password(), password()]
const database = (name) => `postgres://quintet:${postgres}@postgres:5432/${name}`
const broker = `amqp://quintet:${rabbitmq}@rabbitmq:5672`

const stringData = {
  POSTGRES_PASSWORD: postgres,
  REDIS_PASSWORD: redis,
  // The user for limits can use their keys, and not those of the cache.
  'redis.conf': `requirepass ${redis}\nuser limits on >${limits} ~quintet:limit:* -@all +@connection +@scripting +get +mget +set +del +scan +time\n`,
  'rabbitmq.conf': `default_user = quintet\ndefault_pass = ${rabbitmq}\n`,
  GUID_DATABASE_URL: database('guid_db'),
  BROKERAGE_DATABASE_URL: 'dynamodb://local:local@dynamodb:8000/brokerage?region=us-east-1&tls=false',
  CERTIFICATES_DATABASE_URL: database('certificates_db'),
  INVENTORY_DATABASE_URL: database('movies_db'),
  BILLING_DATABASE_URL: database('orders_db'),
  CACHE_URL: `redis://:${redis}@redis:6379`,
  RATE_LIMIT_URL: `redis://limits:${limits}@redis:6379`,
  EVENTS_URL: 'kafka://kafka:9092',
  QUEUE_URL: broker,
  CERTIFICATES_QUEUE_URL: broker,
  CERTIFICATES_KEY: randomBytes(32).toString('hex'),
  ORDER_ID_KEY: password(),
}

const account = '/var/run/secrets/kubernetes.io/serviceaccount'
const namespace = readFileSync(`${account}/namespace`, 'utf8')
const response = await fetch(`https://kubernetes.default.svc/api/v1/namespaces/${namespace}/secrets`, {
  method: 'POST',
  headers: {
    authorization: `Bearer ${readFileSync(`${account}/token`, 'utf8')}`,
    'content-type': 'application/json',
  },
  body: JSON.stringify({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'quintet', labels: { 'app.kubernetes.io/part-of': 'quintet' } },
    stringData,
  }),
  signal: AbortSignal.timeout(10_000),
})
if (response.status !== 201 && response.status !== 409)
  throw new Error(`The Secret was not created: ${response.status} ${await response.text()}`)
process.stdout.write(`The Secret quintet ${response.status === 201 ? 'was created' : 'exists'}.\n`)
