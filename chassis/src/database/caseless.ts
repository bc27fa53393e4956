/**
 * Keys of texts that are compared without case. They are made here and stored, so that all engines match alike: each engine
 * has its own rules and its own version of Unicode.
 */

/** Equal for texts that are a canonical caseless match (Unicode 17, 3.13.5, D145), whether their letters are composed or not. */
export function canonicalCaselessKey(text: string): string {
  return foldCase(text.normalize('NFD')).normalize('NFD')
}

/** Equal for a compatibility caseless match (D146), which takes letters of other widths or styles as the same too. */
export function compatibilityCaselessKey(text: string): string {
  return foldCase(foldCase(text.normalize('NFD')).normalize('NFKD')).normalize('NFKC')
}

/**
 * Full case folding (Unicode 17, 3.13.3, `toCasefold`) by the mappings that JavaScript has: the lower case of the upper case,
 * after the lower case, since ẞ has no upper case. Only a dotless ı, whose upper case is I, and the final sigma, which depends on
 * its neighbours, need care. Cherokee folds to small letters instead of capitals, which makes no difference to a comparison.
 */
export function foldCase(text: string): string {
  return text
    .split('ı')
    .map((part) => part.toLowerCase().toUpperCase().toLowerCase().replaceAll('ς', 'σ'))
    .join('ı')
}
