import type { System } from './scenario.ts'

type Part = { close(): unknown }

/** Closes a part with the system that it belongs to; returns the part. */
export type CloseLater = <P extends Part>(part: P) => P

/** Starts a system of parts, each of which is closed with it, or at once where another one cannot be started. */
export async function assemble(
  start: (closeLater: CloseLater) => Promise<Omit<System, 'close'>>,
): Promise<System> {
  const parts: Part[] = []
  const close = async () => {
    for (const part of parts.toReversed()) await part.close()
  }
  try {
    const system = await start((part) => {
      parts.push(part)
      return part
    })
    return { ...system, close }
  } catch (error) {
    await close()
    throw error
  }
}
