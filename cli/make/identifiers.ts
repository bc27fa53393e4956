/** The identifiers that would collide if these files were renamed, each with its file. */
export function sharedIdentifiers(
  files: ReadonlyMap<string, string>,
  rename: (text: string) => string,
): { file: string; identifier: string }[] {
  return [...files]
    .filter(([file]) => file.endsWith('.ts'))
    .flatMap(([file, text]) => {
      const identifiers = identifiersOf(text)
      const renamed = [...identifiers].filter((name) => rename(name) !== name).map(rename)
      const shared = renamed.filter((name) => identifiers.has(name) || isReserved(name))
      return shared.map((identifier) => ({ file, identifier }))
    })
}

/** Ignores comments and strings, and templates with the expressions in them. */
function identifiersOf(text: string): Set<string> {
  const code = text.replace(/\/\*[\s\S]*?(?:\*\/|$)|\/\/.*|'(?:\\.|[^'\\\n])*'?|`(?:\\.|[^`\\])*`?/g, ' ')
  return new Set(code.match(/[A-Za-z_$][\w$]*/g) ?? [])
}

/** Whether the word cannot be the name of a variable, or is a member of every object. */
export function isReserved(word: string): boolean {
  return reservedWords.has(word) || word in Object.prototype
}

const reservedWords = new Set(
  `arguments await break case catch class const continue debugger default delete do else enum eval export extends false finally for function if
  implements import in instanceof interface let new null package private protected public return static super switch this
  throw true try typeof undefined var void while with yield`.split(/\s+/),
)
