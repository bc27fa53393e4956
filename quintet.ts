#!/usr/bin/env node
import { storeCompiledModules } from '@quintet/chassis/compile-cache'

storeCompiledModules(process.env)
const { runCommand } = await import('./cli/run-command.ts')

await runCommand(process.argv.slice(2))
