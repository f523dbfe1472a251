import type { ActedOn } from '../route.ts'

const KINDS = ['Agent', 'Device', 'Service', 'User'] as const

/** The principal that the path names. */
export const aPrincipal: ActedOn = {
  types: KINDS,
  find: ({ tenant, params }) => {
    const principal = tenant.directory.principal(params.principal ?? '')
    return principal === undefined ? undefined : { type: principal.kind, id: principal.id }
  },
}

/** Whoever holds the gateway key that the path names. */
export const holderOfKey: ActedOn = {
  types: KINDS,
  find: ({ tenant, params }) => {
    const holder = tenant.directory.principal(tenant.directory.holderOf(params.key ?? '') ?? '')
    return holder === undefined ? undefined : { type: holder.kind, id: holder.id }
  },
}

/** The project that a listing is narrowed to. */
export const aProject: ActedOn = {
  types: ['Project'],
  find: ({ query }) => {
    const id = typeof query === 'object' && query !== null ? Reflect.get(query, 'project') : undefined
    return typeof id === 'string' ? { type: 'Project', id } : undefined
  },
}

/** The tool server that the path names. */
export const aToolServer: ActedOn = {
  types: ['ToolServer'],
  find: ({ tenant, params }) => {
    const id = params.server ?? ''
    const isKnown = tenant.toolReview.listTools().some(({ server }) => server === id)
    return isKnown ? { type: 'ToolServer', id } : undefined
  },
}

/** The tool that the path names. */
export const aTool: ActedOn = {
  types: ['Tool'],
  find: ({ tenant, params }) => {
    const { server = '', name = '' } = params
    const isKnown = tenant.toolReview.listTools().some((tool) => tool.server === server && tool.name === name)
    return isKnown ? { type: 'Tool', id: `${server}/${name}` } : undefined
  },
}
