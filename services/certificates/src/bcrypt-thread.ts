import { parentPort, workerData } from 'node:worker_threads'
import bcrypt from 'bcryptjs'

// bcrypt in JavaScript takes a third of a second, which would block the event loop of the main thread.
const { text, bcryptHash }: { text: string; bcryptHash: string } = workerData
parentPort?.postMessage(bcrypt.compareSync(text, bcryptHash))
