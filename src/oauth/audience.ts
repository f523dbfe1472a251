/** A part of Sallyport that takes access tokens: its identifier (RFC 8707) and the scopes that mean something there. */
export interface Audience {
  readonly uri: string
  readonly scopes: readonly string[]
}

/**
 * Whether what was granted for `granted` is good at `wanted`: the same place or one below it. A token for
 * `…/gw/mcp/office` is good there and not at the rest of `…/gw`.
 */
export function covers(granted: string, wanted: string): boolean {
  return wanted === granted || (wanted.startsWith(granted) && wanted.charCodeAt(granted.length) === SLASH)
}

const SLASH = '/'.charCodeAt(0)

/** The audience that `resource` names or lies below; resources with anything but a plain path have none. */
export function audienceOf(resource: string, audiences: readonly Audience[]): Audience | undefined {
  return PLAIN.test(resource) ? audiences.find(({ uri }) => covers(uri, resource)) : undefined
}

// No query, fragment, escapes, empty or dot segments: two spellings of one place could be compared wrongly.
const PLAIN = /^https?:\/\/[^/?#%\\]+(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._~-]+)*$/
