import { runSuitesOver } from './suites.ts'

await runSuitesOver('postgres')
