/** The members of a list with commas between them; none of an empty text. */
export function listOf(text: string): string[] {
  return text === '' ? [] : text.split(',').map((part) => part.trim())
}
