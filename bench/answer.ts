/** What a GET of one GUID answers, byte for byte as many as the service sends, so that all rows move the same amount. */
export const answer = { guid: '5E95AAD3B0D94B0F8C3D8A8F7E1C2B3A', user: 'user-1', expire: '9999999999' }

export const answerBody = JSON.stringify(answer)

export const answerHeaders = {
  'content-type': 'application/json; charset=utf-8',
  etag: '"hodabqhtj4"',
  'x-request-id': '5d7b0f1c9f-4fzb',
}
