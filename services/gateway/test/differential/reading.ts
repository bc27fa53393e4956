import { MalformedResponse, createResponseParser } from '../../src/http1/response-parser.ts'

/** What a client has read. */
export type Reading = {
  /** `incomplete`: the connection ended within the response. */
  outcome: 'complete' | 'incomplete' | 'refused'
  status: number
  reason: string
  /** Names and values alternately. */
  fields: string[]
  body: string
  /** Whether the connection may be used again. */
  isPersistent: boolean
  /** Why the response was refused. */
  refusal?: string
}

/** Before anything has been read. */
export function emptyReading(): Reading {
  return { outcome: 'incomplete', status: 0, reason: '', fields: [], body: '', isPersistent: false }
}

/** Has the gateway's client read a response that arrives in these parts, and then the end of the connection. */
export function readByGateway(method: string, parts: readonly Buffer[]): Reading {
  const reading = emptyReading()
  const complete = () => {
    reading.outcome = 'complete'
    reading.isPersistent = parser.isPersistent()
  }
  const parser = createResponseParser({
    onHead({ status, reason, headers }, whole) {
      Object.assign(reading, { status, reason, fields: headers, body: whole ?? '' })
      if (whole !== undefined) complete()
    },
    onBody(chunk) {
      reading.body += chunk.toString('latin1')
    },
    onEnd: complete,
  })
  parser.begin(method)
  try {
    for (const part of parts) parser.push(part)
    parser.close()
  } catch (error) {
    if (!(error instanceof MalformedResponse)) throw error
    return { ...reading, outcome: 'refused', refusal: error.message }
  }
  return reading
}
