import { type ZodType, z } from 'zod'
import type { Route } from './route.ts'

/** The OpenAPI 3.1 document of the route table. */
export function openApiOf(routes: readonly Route[], info: { readonly version: string; readonly url: string }): object {
  const paths: Record<string, Record<string, object>> = {}
  for (const route of routes) {
    const path = route.path.replace(/\/\*$/, '/{rest}').replace(/:([A-Za-z]+)/g, '{$1}')
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operationOf(route, path) }
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Sallyport', version: info.version },
    servers: [{ url: info.url }],
    paths,
    components: { securitySchemes: { token: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } } },
  }
}

function operationOf(route: Route, path: string): object {
  const inPath = [...path.matchAll(/\{([A-Za-z]+)\}/g)].map((match) => ({
    name: match[1],
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }))
  return {
    summary: route.summary,
    parameters: [...inPath, ...queryParametersOf(route.query)],
    ...(route.body === undefined
      ? {}
      : { requestBody: { required: true, content: { 'application/json': { schema: schemaOf(route.body) } } } }),
    'x-sallyport-action': route.action,
    // OpenAPI: an empty requirement makes the others optional.
    security: [{ token: [] }, ...(route.open === undefined ? [] : [{}])],
    responses: {
      200: {
        description: 'done',
        content: {
          [route.produces ?? 'application/json']: route.answer === undefined ? {} : { schema: schemaOf(route.answer) },
        },
      },
      401: { description: 'no valid token' },
      403: { description: 'denied, with the policies and the remedy' },
    },
  }
}

function queryParametersOf(query: ZodType | undefined): object[] {
  if (query === undefined) return []
  const schema = z.toJSONSchema(query, { io: 'input', unrepresentable: 'any' })
  const required = new Set(schema.required ?? [])
  return Object.entries(schema.properties ?? {}).map(([name, value]) => ({
    name,
    in: 'query',
    required: required.has(name),
    schema: value,
  }))
}

function schemaOf(schema: ZodType): object {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' })
  return rest
}
