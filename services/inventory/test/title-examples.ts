import type { World } from './world.ts'

/** Titles, and the numbers of those that each text finds. */
export const titles = [
  'ΟΔΥΣΣΕΥΣ',
  'Οδυσσεύς',
  'Straße',
  'İstanbul',
  'Amélie',
  'Ame\u0301lie',
  'Ω',
  'ısı',
  'MINI',
]
export const searches: readonly (readonly [string, readonly number[]])[] = [
  ['ΟΔΥΣ', [1, 2]],
  ['οδυς', [1, 2]],
  ['σευσ', [1]],
  ['εύς', [2]],
  ['STRASSE', [3]],
  ['aẞ', [3]],
  ['i\u0307stanbul', [4]],
  ['AMÉLIE', [5, 6]],
  ['E\u0301', [5, 6]],
  ['\u2126', [7]],
  ['ω', [7]],
  ['ISI', []],
  ['mini', [9]],
]

/** The ids of the movies whose title contains a text. */
export async function idsOf(get: World['get'], title: string): Promise<number[]> {
  const response = await get(`/api/movies?title=${encodeURIComponent(title)}`)
  return response.json().map(({ id }: { id: number }) => id)
}
