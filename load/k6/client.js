import http from 'k6/http'

const timeout = '10s'
const target = __ENV.TARGET

/** Requests to the system; `name` stands for all paths of one kind. */
export const client = {
  get: (path, name) => http.get(target + path, paramsOf(name)),
  post: (path, name, body) => http.post(target + path, JSON.stringify(body), paramsOf(name)),
  put: (path, name, body) => http.put(target + path, JSON.stringify(body), paramsOf(name)),
  patch: (path, name, body) => http.patch(target + path, JSON.stringify(body), paramsOf(name)),
  delete: (path, name) => http.del(target + path, null, paramsOf(name)),
}

function paramsOf(name) {
  return { headers: { 'Content-Type': 'application/json' }, tags: { name }, timeout }
}
