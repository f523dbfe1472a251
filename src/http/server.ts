import type { AddressInfo } from 'node:net'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import type { Logger } from 'pino'
import { type Context, errorText, type Json, SallyportError } from '../kernel/index.ts'
import { OAuthError } from '../oauth/index.ts'
import { administer, describedAs, targetOf } from './administration.ts'
import { apiRoutes } from './api/index.ts'
import { answerAsked } from './ask.ts'
import { HttpError } from './errors.ts'
import { mountGateway } from './mount-gateway.ts'
import { mountIssuer } from './mount-issuer.ts'
import { mountPublicEndpoints } from './public-endpoints.ts'
import { reasoningOf } from './reasoning.ts'
import { Bytes, type Call, type Route, streamed } from './route.ts'
import { statusOf } from './status.ts'
import type { TenantFace } from './tenant-face.ts'

export interface HttpServerOptions {
  readonly tenant: (id: string) => TenantFace | undefined
  readonly version: string
  /** Known once the port is. */
  readonly publicUrl: () => string
  /** Whether every log can be written. */
  readonly writable: () => boolean
  readonly maxBody: number
  /** Milliseconds in which a request must have come in whole, two minutes by default. Its answer may take longer. */
  readonly requestTimeout?: number
  readonly log: Logger
}

export interface HttpServer {
  /** Every path that is mounted, as `METHOD /path`. */
  readonly mounted: readonly string[]
  /** Resolves with the port. Rejects with the system's error where the address cannot be had. */
  listen(address: { readonly host: string; readonly port: number }): Promise<number>
  /** Takes no new requests, lets those under way end, but not for longer than `grace` milliseconds. */
  close(grace: number): Promise<void>
}

/** The edge: everything that speaks HTTP is mounted here, and nothing is known here that is not about HTTP. */
export function createHttpServer(options: HttpServerOptions): HttpServer {
  const requestTimeout = options.requestTimeout ?? 120_000
  const app = Fastify({
    bodyLimit: options.maxBody,
    // Fastify waits for ever unless it is told otherwise, also for the body of somebody who has not said who it is.
    requestTimeout,
    http: {
      // Otherwise the first of two Authorization headers would count: a request that names two callers has none.
      joinDuplicateHeaders: true,
      headersTimeout: Math.min(30_000, requestTimeout),
      connectionsCheckingInterval: Math.min(10_000, requestTimeout),
    },
    forceCloseConnections: true,
    return503OnClosing: true,
    routerOptions: { maxParamLength: 2048 },
    logger: false,
  })
  const mounted: string[] = []
  app.addHook('onRoute', ({ method, url }) => {
    for (const one of [method].flat()) if (one !== 'HEAD') mounted.push(`${one} ${url}`)
  })
  app.setErrorHandler((error, request, reply) => answerError(error, request, reply, options))
  app.setNotFoundHandler((_request, reply) => answerFailure(reply, new HttpError('route_unknown', 'no such endpoint')))
  // AuthZEN 1.0, "Request Identification": who names its request finds the name in the answer.
  app.addHook('onRequest', async (request, reply) => {
    const name = request.headers['x-request-id']
    if (typeof name === 'string' && REQUEST_NAME.test(name)) reply.header('x-request-id', name)
  })
  // A browser page of another origin has no business here; the console will be served from our own.
  app.addHook('onSend', async (_request, reply) => {
    reply.header('x-content-type-options', 'nosniff')
    reply.header('cache-control', reply.getHeader('cache-control') ?? 'no-store')
  })

  for (const route of apiRoutes) mountRoute(app, route, options)
  mountPublicEndpoints(app, options)
  app.register(async (scope) => mountGateway(scope, options))
  app.register(async (scope) => mountIssuer(scope, options))

  return {
    mounted,
    async listen({ host, port }) {
      await app.listen({ host, port })
      // listening on TCP, so the address is never a path
      return (app.server.address() as AddressInfo).port
    },
    async close(grace) {
      const timer = setTimeout(() => app.server.closeAllConnections(), grace)
      await app.close()
      clearTimeout(timer)
    },
  }
}

// What a header can hold.
const REQUEST_NAME = /^[\t\x20-\x7e\x80-\xff]{1,1024}$/

function mountRoute(app: FastifyInstance, route: Route, options: HttpServerOptions): void {
  const callings = new WeakMap<FastifyRequest, Calling>()
  app.route({
    method: route.method,
    url: route.path,
    ...(route.maxBody === undefined ? {} : { bodyLimit: route.maxBody }),
    errorHandler: (error, request, reply) => {
      // A credential that is refused is answered alike everywhere.
      if (route.problem === undefined || !(error instanceof SallyportError) || error instanceof OAuthError) {
        return answerError(error, request, reply, options)
      }
      const problem = route.problem(error)
      if (problem.status >= 500) options.log.error({ err: error, url: request.url }, 'request failed')
      return reply.code(problem.status).type('application/problem+json').send(JSON.stringify(problem))
    },
    // Before the body is read: what somebody sends who has not said who it is must not cost anything.
    onRequest: async (request, reply) => {
      if (isOpen(route, request, options)) return
      const calling = await callingOf(request, options)
      reply.header('sallyport-txn', calling.ctx.txn)
      callings.set(request, calling)
    },
    handler: async (request, reply) => {
      const calling = callings.get(request)
      const answer =
        calling === undefined
          ? await answerEverybody(route, request, options)
          : await answerRoute(route, calling, request, reply)
      if (answer === streamed) return reply.hijack()
      if (answer instanceof Bytes) return reply.code(answer.status).headers(answer.headers).send(answer.body)
      return reply.header('content-type', 'application/json; charset=utf-8').send(JSON.stringify(answer))
    },
  })
}

/** Who calls which tenant. */
interface Calling {
  readonly tenant: TenantFace
  readonly ctx: Context
}

function isOpen({ open }: Route, request: FastifyRequest, options: HttpServerOptions): boolean {
  return open?.when(tenantOf(request, options)) ?? false
}

async function callingOf(request: FastifyRequest, options: HttpServerOptions): Promise<Calling> {
  const tenant = tenantOf(request, options)
  const reasoning = reasoningOf(request.headers)
  const ctx = { ...(await tenant.authenticate(request.headers)), address: request.ip }
  return { tenant, ctx: reasoning === undefined ? ctx : { ...ctx, reasoning } }
}

function tenantOf(request: FastifyRequest, options: HttpServerOptions): TenantFace {
  const { tenant: id = '' } = paramsOf(request)
  const tenant = options.tenant(id)
  if (tenant === undefined) throw new HttpError('tenant_unknown', 'no such tenant')
  return tenant
}

function paramsOf(request: FastifyRequest): Readonly<Record<string, string>> {
  return request.params as Record<string, string> // Fastify's params of a path are strings
}

/** INVARIANT: without a caller only what is open for everybody is answered, as it was when the request came in. */
async function answerEverybody({ open }: Route, request: FastifyRequest, options: HttpServerOptions): Promise<unknown> {
  if (open === undefined) throw new TypeError('nobody has said who is calling')
  return open.answer({ tenant: tenantOf(request, options), params: paramsOf(request) })
}

async function answerRoute(
  route: Route,
  { tenant, ctx }: Calling,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<unknown> {
  const params = paramsOf(request)
  const closed = new AbortController()
  reply.raw.once('close', () => closed.abort())

  const call = {
    tenant,
    params,
    headers: request.headers,
    raw: reply.raw,
    signal: closed.signal,
  }
  const query = parseWith(route.query, request.query, 'query_invalid', 'query')
  const body =
    route.read === undefined ? parseWith(route.body, request.body, 'body_invalid', 'body') : route.read(request.body)
  const operation = { action: route.action, summary: `${route.method} ${route.path}`, target: targetOf({ params }) }
  const { ask, decide } = route
  const on = route.on?.find({ tenant, params, query })
  // Parsed from JSON, or checked by a schema of it.
  const input = { params, query: query ?? null, body: body ?? null } as Json
  const described = describedAs(operation.summary, input)
  const deciding = decide === undefined ? {} : { decide: () => decide({ ...call, ctx, query, body, described }) }
  const { answer, record } =
    ask === undefined
      ? await administer(tenant, ctx, { ...operation, ...deciding, on, input }, (note) =>
          route.handle({ ...call, ctx, query, body, note } satisfies Call),
        )
      : await answerAsked(tenant, ctx, operation, () => ask({ ...call, ctx, query, body, note: () => undefined }))
  if (answer !== streamed) reply.header('sallyport-record', String(record))
  return answer
}

function parseWith(
  schema: Route['body'],
  value: unknown,
  code: 'query_invalid' | 'body_invalid',
  what: string,
): unknown {
  if (schema === undefined) return undefined
  const parsed = schema.safeParse(value ?? {})
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  const at = issue?.path.map(String).join('.') ?? ''
  throw new HttpError(code, `${what}${at === '' ? '' : ` \`${at}\``}: ${issue?.message.toLowerCase() ?? 'invalid'}`)
}

function answerError(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  { tenant, log }: HttpServerOptions,
): FastifyReply {
  if (error instanceof SallyportError) {
    if (statusOf(error) >= 500) log.error({ err: error, url: request.url }, 'request failed')
    if (error instanceof OAuthError) {
      const { tenant: id = '' } = request.params as { tenant?: string } // every guarded route is below a tenant
      const challenge = tenant(id)?.authorization.challenge(error)
      if (challenge !== undefined) reply.header('www-authenticate', challenge)
    }
    return answerFailure(reply, error)
  }
  // Whoever sent it hung up in the middle of it; nobody reads the answer.
  if (request.raw.destroyed && !request.raw.complete) return reply.code(499).send()
  const code = (error as { code?: unknown }).code // Fastify's own errors carry one
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE')
    return answerFailure(reply, new HttpError('body_too_large', 'the body is too large'))
  if (typeof code === 'string' && code.startsWith('FST_ERR_CTP')) {
    return answerFailure(reply, new HttpError('body_not_json', 'the body is not JSON'))
  }
  if (error instanceof SyntaxError) return answerFailure(reply, new HttpError('body_not_json', 'the body is not JSON'))
  log.error({ err: error, url: request.url }, errorText(error))
  return reply.code(500).send({ error: { code: 'internal', message: 'internal error' } })
}

function answerFailure(reply: FastifyReply, error: SallyportError): FastifyReply {
  const status = statusOf(error)
  // RFC 9110 §10.2.3
  if (error instanceof HttpError && error.retryAfter !== undefined) reply.header('retry-after', error.retryAfter)
  return reply.code(status).send({
    error: {
      code: status === 500 ? 'internal' : error.code,
      message: status === 500 ? 'internal error' : error.publicMessage,
      ...(error instanceof HttpError ? error.extra : {}),
    },
  })
}
