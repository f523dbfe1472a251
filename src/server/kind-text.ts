import type { Principal } from '../identity/index.ts'

/** What principals like this one have in common, for people: `Agent of type analyst`. */
export function kindText(kind: string, principal: Pick<Principal, 'agentType'> | undefined): string {
  return principal?.agentType === undefined ? kind : `${kind} of type ${principal.agentType}`
}
