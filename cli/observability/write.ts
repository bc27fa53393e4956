import { writeObservabilityFiles } from '../derive.ts'

/** `npm run dashboards`: what `quintet derive` does for the rules and the dashboards alone. */

writeObservabilityFiles()
