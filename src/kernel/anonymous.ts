import type { Authentication, PrincipalRef } from './context.ts'
import type { PrincipalId } from './ids.ts'

/**
 * Who a caller is that cannot be identified, where a route lets such callers through. INVARIANT: no principal of a
 * directory has this id.
 */
export const ANONYMOUS: PrincipalRef = { kind: 'Service', id: 'anonymous' as PrincipalId } // a valid id

export function isAnonymous({ authentication }: { readonly authentication: Authentication }): boolean {
  return authentication.method === 'none'
}
