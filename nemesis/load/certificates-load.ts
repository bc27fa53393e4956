import { setTimeout as pause } from 'node:timers/promises'
import { createRecorder } from '../history.ts'
import type { Complete } from '../history.ts'
import { certaintyOf, membersOf } from './http-client.ts'
import { clientAt } from './load.ts'
import type { Load, LoadParts } from './load.ts'
import type { Receiver } from './receiver.ts'
import { readFinally } from './until-known.ts'

const clientCount = 8
const certificatesEach = 2
const readShare = 0.4
const attemptsMax = 5
const pauseAfterFailureMs = 100
/** Delivery attempts are further and further apart: the next one may be as far away as the longest fault lasted. */
const deliveryMsMax = 100_000
const lateMs = 1_500

/** `isActive` is undefined where a change may still take effect. */
type Certificate = { readonly path: string; readonly key: string; isActive: boolean | undefined }

/** Changes of certificates with notifications, each certificate by one client, and reads of what it has changed. */
export async function createCertificatesLoad(parts: LoadParts, receiver: Receiver): Promise<Load> {
  const { random, clock, http } = parts
  const recorder = createRecorder('notifications', clock.nowNs)
  /** Acknowledged changes that were not delivered yet, by certificate. */
  const awaited = new Map<string, number>()
  const delivered = new Set<string>()
  receiver.onDelivery = ({ id, certificate, isActive }) => {
    const key = keyOf(certificate)
    recorder.invoke('receiver', key, { f: 'delivery', id, value: String(isActive) })('ok')
    if (!delivered.has(id)) awaited.set(key, (awaited.get(key) ?? 0) - 1)
    delivered.add(id)
  }

  async function createCertificates(url: string, number: number): Promise<Certificate[]> {
    const user = { name: 'Ada', email: `ada-${number}@example.com`, password: 'correct horse battery' }
    const owner = membersOf(await http.send({ method: 'POST', url: `${url}/users`, body: user })).id
    const body = { private_key: 'YQ==', active: false, body: 'a certificate' }
    const certificates: Certificate[] = []
    for (let n = 0; n < certificatesEach; n++) {
      const created = { method: 'POST', url: `${url}/users/${owner}/certificates`, body }
      const { id } = membersOf(await http.send(created))
      certificates.push({ path: `/users/${owner}/certificates/${id}`, key: keyOf(id), isActive: false })
    }
    return certificates
  }

  async function clientOf(number: number): Promise<() => Promise<void>> {
    const { url, name } = clientAt(parts, number)
    const own = random.fork(`client ${number}`)
    const certificates = await createCertificates(url, number)
    return async () => {
      const [kind, which] = [own.fraction(), own.integer(certificates.length)]
      const certificate = certificates[which]
      if (certificate === undefined) return
      if (kind < readShare || certificate.isActive === undefined) await read(url, name, certificate)
      else await change(url, name, certificate, !certificate.isActive)
    }
  }

  async function read(url: string, name: string, certificate: Certificate): Promise<void> {
    const complete = recorder.invoke(name, certificate.key, { f: 'read' })
    const request = { method: 'GET', url: url + certificate.path }
    const reply = await http.send(request)
    if (certaintyOf(reply) !== 'known') {
      complete('fail')
      return pause(pauseAfterFailureMs)
    }
    const { active } = membersOf(reply)
    complete('ok', { kind: active === true ? 'active' : 'inactive' })
    if (certificate.isActive !== undefined && certificate.isActive !== active)
      parts.unexpected(request, reply)
    certificate.isActive ??= active === true
  }

  /** Repeated until its outcome is known. A change to what is already so is 400: then an attempt before it took effect. */
  async function change(url: string, name: string, certificate: Certificate, active: boolean): Promise<void> {
    const open: Complete[] = []
    const { key, path } = certificate
    const request = { method: 'PATCH', url: url + path, body: { active, notify: true } }
    certificate.isActive = undefined
    for (let tries = 0; tries < attemptsMax; tries++) {
      const complete = recorder.invoke(name, key, { f: 'change', value: String(active) })
      const reply = await http.send(request)
      const certainty = certaintyOf(reply)
      const status = typeof reply === 'string' ? 0 : reply.status
      if (certainty === 'unknown') open.push(complete)
      else complete(status === 202 ? 'ok' : 'fail')
      const isDone = status === 202 || (status === 400 && open.length > 0)
      if (status === 400) open.pop()?.('ok')
      if (isDone) {
        awaited.set(key, (awaited.get(key) ?? 0) + 1)
        // An earlier attempt without an outcome may still take effect.
        if (open.length === 0) certificate.isActive = active
        break
      }
      if (certainty === 'known') {
        if (status !== 400) parts.unexpected(request, reply)
        break
      }
      await pause(pauseAfterFailureMs)
    }
    for (const complete of open) complete('info')
  }

  return {
    clients: await Promise.all(Array.from({ length: clientCount }, (_, number) => clientOf(number))),
    history: recorder.history,
    async settle() {
      await readFinally(http, `${clientAt(parts, 0).url}/health/ready`)
      const giveUpAt = performance.now() + deliveryMsMax
      while (performance.now() < giveUpAt && [...awaited.values()].some((count) => count > 0))
        await pause(100)
      await pause(lateMs)
    },
  }
}

function keyOf(certificate: unknown): string {
  return `certificate ${certificate}`
}
