import { parseCommandLine, runProgram } from '@quintet/backends/command-line'
import { writeObservabilityFiles } from '../derive.ts'

const usage = `Usage: npm run dashboards

Writes the rules, alerts and dashboards of deploy/observability from the list of charts, as quintet derive does with all that it derives.`

await runProgram(usage, (args) => {
  parseCommandLine({ args: [...args] })
  writeObservabilityFiles()
  return true
})
