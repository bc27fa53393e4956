/** A response to GET /guid/:guid of the size that the service sends, so that all rows transfer the same number of bytes. */
export const guidResponse = {
  guid: '5E95AAD3B0D94B0F8C3D8A8F7E1C2B3A',
  user: 'user-1',
  expire: '9999999999',
}

export const guidResponseBody = JSON.stringify(guidResponse)

export const guidResponseHeaders = {
  'content-type': 'application/json; charset=utf-8',
  etag: '"hodabqhtj4"',
  'x-request-id': '5d7b0f1c9f-4fzb',
}
