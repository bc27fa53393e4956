import { empty } from '../parts/states.ts'

export function Page() {
  return empty('Nothing here yet', 'This page comes with the next part of the console.')
}
