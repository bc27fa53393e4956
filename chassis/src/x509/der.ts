/** Elements of DER (X.690). */
export function sequence(...parts: readonly Buffer[]): Buffer {
  return tagged(0x30, Buffer.concat(parts))
}

export function objectId(...bytes: readonly number[]): Buffer {
  return tagged(0x06, Buffer.from(bytes))
}

/** A time of any year; certificates state those before 2050 otherwise (RFC 5280, 4.1.2.5). */
export function time(ms: number): Buffer {
  return tagged(0x18, `${new Date(ms).toISOString().slice(0, 19).replace(/\D/g, '')}Z`)
}

export function tagged(tag: number, content: Buffer | string): Buffer {
  const bytes = Buffer.from(content)
  const { length } = bytes
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255]
  return Buffer.concat([Buffer.from([tag, ...size]), bytes])
}

export function integer(bytes: Buffer): Buffer {
  return tagged(0x02, bytes)
}

export function small(value: number): Buffer {
  return integer(Buffer.from([value]))
}

/** A bit string, of whole bytes unless some of its last bits are unused. */
export function bits(bytes: Buffer, unused = 0): Buffer {
  return tagged(0x03, Buffer.concat([Buffer.from([unused]), bytes]))
}

export function octets(bytes: Buffer): Buffer {
  return tagged(0x04, bytes)
}

export const nil = tagged(0x05, Buffer.alloc(0))

/** The name of a subject or an issuer that has a common name only. */
export function nameOf(commonName: string): Buffer {
  return sequence(tagged(0x31, sequence(objectId(0x55, 0x04, 0x03), tagged(0x0c, commonName))))
}
