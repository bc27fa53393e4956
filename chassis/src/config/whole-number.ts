/** The whole number that a person writes in decimal digits, for settings and options; undefined for any other text. */
export function readWholeNumber(text: string): number | undefined {
  return /^\d+$/.test(text) && Number.isSafeInteger(Number(text)) ? Number(text) : undefined
}
