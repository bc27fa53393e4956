import { parentPort, workerData } from 'node:worker_threads'
import { attacks } from './attacks.ts'
import { http2Attacks } from './http2-attacks.ts'

/** A thread that attacks, so that honest clients in another one do not wait for the attacker's own work. */
const { name, port, from } = workerData
const connections = [...attacks, ...http2Attacks].find((attack) => attack.name === name)?.begin(port, from)
parentPort?.once('message', () => connections?.stop())
