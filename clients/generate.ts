import { readFileSync, writeFileSync } from 'node:fs'
import openapiTS, { astToString } from 'openapi-typescript'
import { mergedDocument, readDocuments } from './openapi.ts'

/** `npm run clients` generates the types of the client; a test compares `generatedTypes` with the committed ones. */
export async function generatedTypes(): Promise<string> {
  const text = JSON.stringify(mergedDocument(await readDocuments()))
  const nodes = await openapiTS(text, {
    alphabetize: true,
    rootTypes: true,
    rootTypesNoSchemaPrefix: true,
    rootTypesKeepCasing: true,
  })
  return `// Made by npm run clients of the OpenAPI documents; not to be edited.\n\n${astToString(nodes)}`
}

export const committedTypes = () => readFileSync(file, 'utf8')

const file = new URL('typescript/api.ts', import.meta.url)

if (import.meta.main) writeFileSync(file, await generatedTypes())
