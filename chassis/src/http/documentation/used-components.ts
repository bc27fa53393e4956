type JsonObject = { [name: string]: unknown }

/** The components of OpenAPI that the paths, or components that they refer to, refer to; security schemes, which are referred to by name, all. */
export function usedComponents(paths: unknown, components: JsonObject): JsonObject {
  const found = new Set<string>()
  const visit = (value: unknown): void => {
    const text = JSON.stringify(value) ?? ''
    for (const [, kind = '', name = ''] of text.matchAll(/"#\/components\/(\w+)\/([^"]+)"/g)) {
      if (found.has(`${kind}/${name}`)) continue
      found.add(`${kind}/${name}`)
      visit(Object(components[kind])[name])
    }
  }
  visit(paths)
  return Object.fromEntries(
    Object.entries(components).flatMap(([kind, named]) => {
      const members = Object.entries(Object(named)).filter(
        ([name]) => kind === 'securitySchemes' || found.has(`${kind}/${name}`),
      )
      return members.length > 0 ? [[kind, Object.fromEntries(members)]] : []
    }),
  )
}
