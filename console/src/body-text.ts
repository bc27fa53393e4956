/** The text of a response; undefined where it has more bytes than this. */
export async function bodyText({ body }: Response, bytesMax: number): Promise<string | undefined> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  // To leave the loop ends the response.
  for await (const chunk of body ?? []) {
    bytes += chunk.length
    if (bytes > bytesMax) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}
