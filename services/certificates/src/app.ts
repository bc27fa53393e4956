import { closeWithApp, createApp, createIdempotency } from '@quintet/chassis/http'
import type { App } from '@quintet/chassis/http'
import { createSqlIdempotencyStore } from '@quintet/chassis/idempotency'
import { createRelay, createSqlOutbox, exportOutboxMetrics } from '@quintet/chassis/outbox'
import { exportQueueMetrics, openKeyedQueue } from '@quintet/chassis/queue'
import { openStorage, partsOf } from '@quintet/chassis/resource'
import type { ServiceParts } from '@quintet/chassis/resource'
import { startSweeper } from '@quintet/chassis/sweeper'
import { documentationOfSystem, topology } from '@quintet/contracts/topology'
import { createCertificateStore } from './certificate-store.ts'
import type { CertificatesConfig } from './config.ts'
import { createNotificationHandler, notificationBackoffMs } from './consumer.ts'
import { createCredentialStore } from './credential-store.ts'
import { migrations } from './database.ts'
import { createDeletion } from './deletion.ts'
import type { CertificatesTables } from './database.ts'
import { warnOfUsersWithoutKey } from './email-key.ts'
import { createEnvelopes } from './envelope.ts'
import { createExpiryNotices } from './expiry-notices.ts'
import { createKeyCheck, openKeyring } from './key-check.ts'
import { createNotificationStore, notificationsQueue } from './notification-store.ts'
import { createPasswords } from './password.ts'
import type { Passwords } from './password.ts'
import { wrongValueCode } from './route-parts.ts'
import { certificatePromises } from './promises.ts'
import { certificatesRoutes } from './routes.ts'
import { createUserStore } from './user-store.ts'
import type { Receiver } from './webhook.ts'

const detailAlias = 'description'

/** The composition root of the certificates service: it closes everything that it opens. */
export async function createCertificatesApp(
  config: CertificatesConfig,
  { passwords = createPasswords(), ...given }: Partial<ServiceParts> & { passwords?: Passwords } = {},
): Promise<App> {
  await using opened = new AsyncDisposableStack()
  const parts = partsOf('certificates', config, given)
  const { clock, logger, metrics, tracer } = parts
  const receiver = receiverOf(config)
  const storage = await openStorage<CertificatesTables>(opened, {
    name: 'certificates',
    databaseUrl: config.CERTIFICATES_DATABASE_URL,
    cacheUrl: config.CACHE_URL,
    migrations,
    ...parts,
  })
  const { database } = storage
  const keyring = await openKeyring(config, database)
  const queue = await openKeyedQueue(config.CERTIFICATES_QUEUE_URL, {
    ...{ clock, logger, tracer },
    measured: { metrics, publishesTo: [notificationsQueue] },
  })
  opened.defer(queue.close)
  const keyCheck = createKeyCheck(database, keyring, { settings: config, logger })
  await keyCheck.atStart()
  await warnOfUsersWithoutKey(database.query, logger)
  const outbox = createSqlOutbox(database)
  const relay = createRelay({ outbox, queue, clock, logger })
  opened.defer(relay.stop)
  const notifications = createNotificationStore({ database, clock, hasReceiver: receiver !== undefined })
  const notifying = { database, notifications, clock, wake: relay.wake }
  const expiryNotices = createExpiryNotices(notifying)
  const idempotency = createIdempotency({
    store: createSqlIdempotencyStore(database),
    clock,
    detailAlias,
    fingerprintKey: keyring.derive('idempotency fingerprints'),
  })
  const app = await createApp({
    name: 'certificates',
    bodyBytesMax: topology.certificates.bodyBytesMax,
    scopes: topology.certificates.scopes,
    title: 'Certificate store',
    description: 'Stores the certificates of users and their encrypted private keys.',
    detailAlias,
    wrongValueCode,
    dependencies: { ...storage.dependencies, database: keyCheck.ping, queue: queue.ping },
    relatedPages: documentationOfSystem(config.GATEWAY_PORT),
    promises: certificatePromises({ database, keyring, outbox, queue, clock }),
    ...parts,
  })
  exportQueueMetrics(metrics.registry, queue, notificationsQueue)
  exportOutboxMetrics(metrics.registry, relay)
  const deletion = createDeletion(database)
  const users = createUserStore({ ...storage, deletion })
  certificatesRoutes(app, {
    users,
    credentials: createCredentialStore(database),
    certificates: createCertificateStore({ ...notifying, deletion }),
    notifications,
    idempotency,
    passwords,
    envelopes: createEnvelopes(keyring),
    policy: config.CERTIFICATES_POLICY,
    ping: database.ping,
  })
  if (receiver) {
    const stopping = new AbortController()
    const attemptsMax = config.CERTIFICATES_NOTIFY_ATTEMPTS_MAX
    const delivering = { notifications, receiver, attemptsMax, clock, logger, stopping: stopping.signal }
    const options = { attemptsMax, backoffMs: notificationBackoffMs }
    const consumer = queue.consume(notificationsQueue, createNotificationHandler(delivering), options)
    opened.defer(consumer.stop)
    opened.defer(() => stopping.abort())
  }
  opened.defer(
    startSweeper([expiryNotices.sweep, deletion.sweep, notifications.sweep, idempotency.sweep], logger).stop,
  )
  closeWithApp(app, opened)
  return app
}

function receiverOf(config: CertificatesConfig): Receiver | undefined {
  const { CERTIFICATES_NOTIFY_URL: url, CERTIFICATES_NOTIFY_SECRET: secret } = config
  return url === '' ? undefined : { url, secret, timeoutMs: config.CERTIFICATES_NOTIFY_TIMEOUT_MS }
}
