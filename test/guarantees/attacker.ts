import { parentPort, workerData } from 'node:worker_threads'
import { attacks } from './attacks.ts'

/** A thread that attacks, so that honest clients in another one do not wait for the attacker's own work. */
const { name, port, from } = workerData
const connections = attacks.find((attack) => attack.name === name)?.begin(port, from)
parentPort?.once('message', () => connections?.stop())
