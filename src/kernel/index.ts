export { ANONYMOUS, isAnonymous } from './anonymous.ts'
export { canonicalJson, digestJson, type Json } from './canonical-json.ts'
export { type Clock, type FakeClock, fakeClock, systemClock } from './clock.ts'
export {
  type Authentication,
  actorOf,
  type Caller,
  type Context,
  type Mandate,
  type PrincipalKind,
  type PrincipalRef,
} from './context.ts'
export { errorText, SallyportError } from './errors.ts'
export {
  type DelegationId,
  newDelegationId,
  newId,
  newTxn,
  type PrincipalId,
  parseDelegationId,
  parsePrincipalId,
  parseTenantId,
  parseTxn,
  type TenantId,
  type Txn,
} from './ids.ts'
export { statedReasoning } from './stated-reasoning.ts'
