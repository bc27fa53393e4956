import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { StorageName } from '@quintet/backends'
import { engineWrite } from './engine-clients.ts'
import { fault } from './fault.ts'
import type { Fault } from './fault.ts'
import { faultsOf, startFaultyEngine, withDatabase } from './faulty-engine.ts'
import type { FaultyEngine } from './faulty-engine.ts'
import type { Operation } from './operation.ts'
import { create, request, requestAndWait } from './requests.ts'
import { migrate, startGatewayOf, startService } from './service-process.ts'
import type { Environment, ServiceProcess } from './service-process.ts'
import { sqliteFaults } from './sqlite-faults.ts'

/** Something that fails, and what clients do meanwhile. */
export type Subject = {
  readonly faults: readonly Fault[]
  /** Succeeds when what fails can be used again, whatever uses it. */
  readonly isBack: Operation
  readonly operations: Operations
  /** How often each operation is attempted; fewer where the engine is slow, so that what is abandoned does not pile up in it. */
  readonly everyMs: number
  close(): Promise<void>
}

/** By way; those that the subject does not have are absent. */
type Operations = Partial<Record<Way, Operation>>
export type Way = (typeof ways)[number]
export const ways = ['direct read', 'direct write', 'gateway read', 'gateway write'] as const

type Start = (folder: string) => Promise<Subject>

const starts: Readonly<Record<string, Start>> = {
  postgres: (folder) => onEngine('postgres', folder, guidOn),
  mysql: (folder) => onEngine('mysql', folder, guidOn),
  mongodb: (folder) => onEngine('mongodb', folder, guidOn),
  dynamodb: (folder) => onEngine('dynamodb', folder, brokerageOn),
  redis: (folder) => onEngine('redis', folder, guidCachedIn),
  'redis-brokerage': (folder) => onEngine('redis', folder, brokerageWithHintsIn),
  amqp: (folder) => onEngine('amqp', folder, billingOn),
  kafka: (folder) => onEngine('kafka', folder, guidEventsOn),
  sqlite: embedded,
  service: behindGateway,
}

export const subjectNames = Object.keys(starts)

/** Starts what the subject consists of, with its data in a temporary folder. */
export async function startSubject(name: string): Promise<Subject> {
  const folder = mkdtempSync(join(tmpdir(), 'quintet-nemesis-'))
  const subject = await starts[name]?.(folder)
  if (subject === undefined) throw new Error(`There is no ${name}; there are ${subjectNames.join(', ')}.`)
  return {
    ...subject,
    async close() {
      await subject.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

type System = {
  readonly operations: Operations
  readonly processes: readonly ServiceProcess[]
  /** What has to be done after the engine was restarted, if it has lost its data. */
  afterRestart?(): Promise<void>
}

async function onEngine(
  name: StorageName,
  folder: string,
  start: (engine: FaultyEngine, environment: Environment) => Promise<System>,
): Promise<Subject> {
  const engine = await startFaultyEngine(name)
  const { operations, processes, afterRestart } = await start(engine, { DATA_DIR: folder })
  const isBack = engineWrite(name, name === 'mysql' ? withDatabase(engine.url, 'guid_db') : engine.url)
  await isBack()
  const prepared = ({ name: faultName, begin, end }: Fault) =>
    fault(faultName, begin, async () => {
      await end()
      if (faultName === 'kill') await afterRestart?.()
    })
  return {
    faults: faultsOf(engine).map(prepared),
    isBack,
    operations,
    everyMs: name === 'dynamodb' || name === 'kafka' ? 400 : 100,
    async close() {
      await Promise.all(processes.map((process) => process.kill()))
      await engine.close()
    },
  }
}

async function guidOn({ url }: FaultyEngine, environment: Environment): Promise<System> {
  const settings = { ...environment, GUID_DATABASE_URL: withDatabase(url, 'guid_db') }
  await migrate('guid', settings)
  return guidSystem(settings, await startService('guid', settings))
}

async function guidCachedIn({ url }: FaultyEngine, environment: Environment): Promise<System> {
  const settings = { ...environment, CACHE_URL: url }
  return guidSystem(settings, await startService('guid', settings))
}

/** More than there are writes in flight, so that writes do not wait for each other's lock of a row, which no recovery shortens. */
const writtenCount = 40

/** Reads one GUID and changes others, so that the reads are not those of a key that is being written. */
async function guidSystem(settings: Environment, guid: ServiceProcess): Promise<System> {
  const gateway = await startGatewayOf(guid, settings)
  const read = await create(`${guid.url}/guid`, { user: 'ada' })
  const written: string[] = []
  while (written.length < writtenCount) written.push(await create(`${guid.url}/guid`, { user: 'bob' }))
  let n = 0
  const write = (url: string) => () =>
    request(`${url}${written[n % writtenCount]}`, 'PATCH', { user: `bob ${n++}` })()
  return {
    processes: [guid, gateway],
    operations: waysOf(guid, gateway, (url) => [request(`${url}${read}`), write(url)]),
  }
}

async function brokerageOn({ url }: FaultyEngine, environment: Environment): Promise<System> {
  const settings = { ...environment, BROKERAGE_DATABASE_URL: url }
  await migrate('brokerage', settings)
  return { ...(await brokerageSystem(settings)), afterRestart: () => migrate('brokerage', settings) }
}

function brokerageWithHintsIn({ url }: FaultyEngine, environment: Environment): Promise<System> {
  return brokerageSystem({ ...environment, CACHE_URL: url })
}

async function brokerageSystem(settings: Environment): Promise<System> {
  const brokerage = await startService('brokerage', settings)
  const gateway = await startGatewayOf(brokerage, settings)
  const account = await create(`${brokerage.url}/accounts`, { cash: 1_000 })
  return {
    processes: [brokerage, gateway],
    operations: waysOf(brokerage, gateway, (url) => [
      request(`${url}${account}`),
      request(`${url}/accounts`, 'POST', { cash: 1_000 }),
    ]),
  }
}

/** Through the gateway an order is posted to the queue; directly, it is seen once billing has taken it from there. */
async function billingOn({ url }: FaultyEngine, environment: Environment): Promise<System> {
  const settings = { ...environment, QUEUE_URL: url }
  const billing = await startService('billing', settings)
  const gateway = await startGatewayOf(billing, settings)
  const body = { user_id: '3', number_of_items: '5', total_amount: '180' }
  const orders = `${gateway.url}/api/billing`
  await create(orders, body)
  return {
    processes: [billing, gateway],
    operations: {
      'gateway write': request(orders, 'POST', body),
      'direct write': requestAndWait(orders, {
        body,
        at: (location) => `${billing.url}${location.replace('/api', '')}`,
        isDone: /"stored"/,
      }),
    },
  }
}

/** A registration through the queue has ended when the message has gone to Kafka and come back. */
async function guidEventsOn({ url }: FaultyEngine, environment: Environment): Promise<System> {
  const settings = { ...environment, EVENTS_URL: url }
  const guid = await startService('guid', settings)
  const gateway = await startGatewayOf(guid, settings)
  const write = (address: string) =>
    requestAndWait(`${address}/guid`, {
      body: { user: 'ada' },
      at: (location) => `${address}${location}`,
      isDone: /"succeeded"/,
    })
  await write(guid.url)()
  return {
    processes: [guid, gateway],
    operations: waysOf(guid, gateway, (address) => [
      request(`${address}/guid-events?after=0&limit=1`),
      write(address),
    ]),
  }
}

async function embedded(folder: string): Promise<Subject> {
  const { folder: data, isBack, faults, close } = sqliteFaults(folder, 'guid.db')
  const settings = { DATA_DIR: data }
  const { processes, operations } = await guidSystem(settings, await startService('guid', settings))
  return {
    faults,
    isBack,
    operations,
    everyMs: 100,
    async close() {
      await Promise.all(processes.map((process) => process.kill()))
      close()
    },
  }
}

async function behindGateway(folder: string): Promise<Subject> {
  const settings = { DATA_DIR: folder }
  const guid = await startService('guid', settings)
  const { processes, operations } = await guidSystem(settings, guid)
  const { 'direct read': isBack, ...others } = operations
  return {
    faults: [fault('kill', guid.kill, guid.restart), fault('stop', guid.pause, guid.resume)],
    isBack: async () => isBack?.(),
    operations: others,
    everyMs: 100,
    close: async () => void (await Promise.all(processes.map((process) => process.kill()))),
  }
}

function waysOf(
  service: ServiceProcess,
  gateway: ServiceProcess,
  operationsAt: (url: string) => readonly [Operation, Operation],
): Operations {
  const [directRead, directWrite] = operationsAt(service.url)
  const [gatewayRead, gatewayWrite] = operationsAt(gateway.url)
  return {
    'direct read': directRead,
    'direct write': directWrite,
    'gateway read': gatewayRead,
    'gateway write': gatewayWrite,
  }
}
