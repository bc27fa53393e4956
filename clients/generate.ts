import { readFileSync, writeFileSync } from 'node:fs'
import openapiTS, { astToString } from 'openapi-typescript'
import { mergedDocument, readDocuments } from './openapi.ts'

/** `npm run clients`: writes the types of the client anew; `generatedTypes` is what the committed ones must equal. */
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
