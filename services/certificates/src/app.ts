import { openCache } from '@quintet/chassis/cache'
import { systemClock } from '@quintet/chassis/clock'
import type { Clock } from '@quintet/chassis/clock'
import { ConfigError } from '@quintet/chassis/config'
import { openDatabase } from '@quintet/chassis/database'
import { startSweeper } from '@quintet/chassis/sweeper'
import { AppError } from '@quintet/chassis/errors'
import { createApp, createIdempotency } from '@quintet/chassis/http'
import { createSqlIdempotencyStore } from '@quintet/chassis/idempotency'
import type { App } from '@quintet/chassis/http'
import { createRelay, createSqlOutbox, exportOutboxMetrics } from '@quintet/chassis/outbox'
import { openQueue } from '@quintet/chassis/queue'
import type { Queue } from '@quintet/chassis/queue'
import { createLogger, createMetrics } from '@quintet/chassis/telemetry'
import { exportCacheMetrics } from '@quintet/chassis/cache'
import { exportQueueMetrics } from '@quintet/chassis/queue'
import type { Logger } from '@quintet/chassis/telemetry'
import { createCertificateStore } from './certificate-store.ts'
import type { CertificatesConfig } from './config.ts'
import { createNotificationHandler, notificationBackoffMs } from './consumer.ts'
import { migrations } from './database.ts'
import type { CertificatesDatabase, CertificatesTables } from './database.ts'
import { createEnvelopes } from './envelope.ts'
import { loadKeyring } from './keyring.ts'
import type { Keyring } from './keyring.ts'
import { createNotificationStore, notificationsQueue } from './notification-store.ts'
import type { NotificationStore } from './notification-store.ts'
import { createPasswords } from './password.ts'
import { certificatesRoutes } from './routes.ts'
import { createUserStore } from './user-store.ts'
import type { Receiver } from './webhook.ts'

/** The certificates service, whole: everything that it opens is opened here and closed with it. */
export async function createCertificatesApp(
  config: CertificatesConfig,
  parts: Partial<CertificatesParts> = {},
): Promise<App> {
  const { clock = systemClock } = parts
  const { logger = createLogger({ service: 'certificates', level: config.LOG_LEVEL }) } = parts
  const receiver = receiverOf(config)
  const keyring = loadKeyring(config)
  const metrics = createMetrics('certificates')
  const [database, queue] = await Promise.all([
    openDatabase<CertificatesTables>(config.CERTIFICATES_DATABASE_URL, { migrations }),
    openQueue(config.CERTIFICATES_QUEUE_URL, { clock }),
  ])
  const keys = createKeyCheck(database, keyring, logger)
  await keys.atStart().catch(async (error: unknown) => {
    await Promise.all([queue.close(), database.close()])
    throw error
  })
  const cache = await openCache(config.CACHE_URL, {
    clock,
    namespace: 'certificates',
    singleProcess: database.isSingleProcess,
  })
  const relay = createRelay({ outbox: createSqlOutbox(database), queue, clock })
  const notifications = createNotificationStore({ database, clock, hasReceiver: receiver !== undefined })
  const certificates = createCertificateStore({ database, notifications, clock, wake: relay.wake })
  const users = createUserStore({ database, cache })
  const idempotency = createIdempotency({
    store: createSqlIdempotencyStore(database),
    clock,
    detailAlias: 'description',
    fingerprintKey: keyring.derive('idempotency fingerprints'),
  })
  const app = await createApp({
    name: 'certificates',
    title: 'Certificate store',
    description: 'Keeps certificates and their private keys, encrypted, for users.',
    logger,
    metrics,
    detailAlias: 'description',
    wrongValueCode: 'unprocessable',
    dependencies: { database: keys.ping, queue: queue.ping, ...(cache.ping && { cache: cache.ping }) },
  })
  exportCacheMetrics(metrics.registry, cache)
  exportQueueMetrics(metrics.registry, queue, notificationsQueue)
  exportOutboxMetrics(metrics.registry, relay)
  certificatesRoutes(app, {
    users,
    certificates,
    notifications,
    idempotency,
    passwords: createPasswords(),
    envelopes: createEnvelopes(keyring),
    policy: config.CERTIFICATES_POLICY,
    ping: database.ping,
  })
  const consumer = receiver && startDelivery(queue, { notifications, receiver, config, clock })
  const sweeper = startSweeper([certificates.sweepNotices, notifications.sweep, idempotency.sweep], logger)
  app.addHook('onClose', async () => {
    await sweeper.stop()
    await consumer?.stop()
    await relay.stop()
    await queue.close()
    await cache.close()
    await database.close()
  })
  return app
}

type CertificatesParts = { clock: Clock; logger: Logger }

function receiverOf(config: CertificatesConfig): Receiver | undefined {
  const { CERTIFICATES_NOTIFY_URL: url, CERTIFICATES_NOTIFY_SECRET: secret } = config
  if (url === '') return undefined
  if (secret === '')
    throw new ConfigError(['CERTIFICATES_NOTIFY_SECRET must be set where CERTIFICATES_NOTIFY_URL is.'])
  return { url, secret, timeoutMs: config.CERTIFICATES_NOTIFY_TIMEOUT_MS }
}

/**
 * A key that is missing is told of at the start, not when somebody needs what it has encrypted. Of a database that does not
 * answer then it is told as soon as it does, and the service is not ready before.
 */
function createKeyCheck(database: CertificatesDatabase, keyring: Keyring, logger: Logger) {
  let allAreKnown = false
  let told = false

  async function check(): Promise<void> {
    if (allAreKnown) return
    await refuseUnknownKeys(database, keyring)
    allAreKnown = true
  }

  return {
    async atStart(): Promise<void> {
      await check().catch((error: unknown) => {
        if (!(error instanceof AppError)) throw error
        logger.warn({ err: error }, 'the database does not answer yet, so its keys are looked at later')
      })
    },
    async ping(): Promise<void> {
      await database.ping()
      await check().catch((error: unknown) => {
        if (!(error instanceof ConfigError)) throw error
        if (!told) logger.error({ err: error }, 'a key is missing, so the service is not ready')
        told = true
        throw new AppError('dependency_down', error.message, { cause: error })
      })
    },
  }
}

async function refuseUnknownKeys(database: CertificatesDatabase, { ids }: Keyring): Promise<void> {
  const missing = await database.query
    .selectFrom('certificate')
    .select('key_id')
    .where('key_id', 'not in', ids)
    .limit(1)
    .executeTakeFirst()
  if (missing !== undefined)
    throw new ConfigError([
      `There are private keys that were encrypted by the key ${missing.key_id}, which is not among those given: ${ids.join(', ')}.`,
    ])
}

function startDelivery(
  queue: Queue,
  {
    notifications,
    receiver,
    config,
    clock,
  }: { notifications: NotificationStore; receiver: Receiver; config: CertificatesConfig; clock: Clock },
) {
  const attemptsMax = config.CERTIFICATES_NOTIFY_ATTEMPTS_MAX
  const handler = createNotificationHandler({ notifications, receiver, attemptsMax, clock })
  return queue.consume(notificationsQueue, handler, { attemptsMax, backoffMs: notificationBackoffMs })
}
