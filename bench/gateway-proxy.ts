// The measure: the least that a streaming proxy with undici does. Takes the upstream's port as its argument.
import { createServer } from 'node:http'
import { Pool } from 'undici'

const pool = new Pool(`http://127.0.0.1:${process.argv[2]}`, { pipelining: 1 })

const server = createServer((request, response) => {
  const { accept, 'content-type': type, 'content-length': length } = request.headers
  pool.stream(
    {
      path: request.url ?? '/',
      method: 'POST',
      headers: {
        accept: accept ?? '*/*',
        'content-type': type ?? 'application/json',
        ...(length === undefined ? {} : { 'content-length': length }),
      },
      body: request,
    },
    ({ statusCode, headers }) => response.writeHead(statusCode, { 'content-type': String(headers['content-type']) }),
    (error) => {
      if (error !== null) response.destroy()
    },
  )
})
server.keepAliveTimeout = 60_000
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  if (typeof address === 'object') process.send?.(address?.port)
})
// With whoever started it gone, nobody needs it.
process.on('disconnect', () => process.exit())
