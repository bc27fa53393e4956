import type { System } from './scenario.ts'

type Part = { close(): unknown }

/** Starts a system of parts, each of which is closed with it, or at once where another one cannot be started. */
export async function assemble(
  start: (closeLater: <P extends Part>(part: P) => P) => Promise<Omit<System, 'close'>>,
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
