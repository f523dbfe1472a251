import { actorOf, type Context, type Json, type PrincipalRef } from '../../kernel/index.ts'
import { AccessError } from '../errors.ts'
import type { EntityRef } from '../question.ts'
import type { DeniedEvaluation } from './access-request.ts'
import type { Grantable, Offer, Wished } from './grantable.ts'

/** What somebody asks for. */
export interface Wanted {
  /** Who would get it: somebody of the caller's chain, the last of it unless it says otherwise. */
  readonly subject?: string | undefined
  readonly action?: string | undefined
  readonly resource: EntityRef
  /** Needed where no role grants just the action. */
  readonly role?: string | undefined
  readonly justification: string
  /** How long, in seconds. */
  readonly seconds: number
}

/** What came with the request, beside what is wanted. */
export interface Asking {
  /** The denial that it follows, which names the subject. */
  readonly denied?: { readonly subject: PrincipalRef; readonly evaluation: DeniedEvaluation }
  /** The same key and the same body are the same request. */
  readonly idempotency?: { readonly key: string; readonly body: Json } | undefined
}

const DAY = 86_400
/** What is needed longer is a role, which an administrator gives. Seconds. */
export const LONGEST_GRANT = 30 * DAY
const LONGEST_TEXT = 1000

/** What is wished for, where it can be asked for at all. Throws `access_request_invalid`, `request_needless`, `request_pointless`. */
export function checkWanted(
  ctx: Context,
  wanted: Wanted,
  asking: Asking,
  { grantable, inGoodStanding }: { readonly grantable: Grantable; readonly inGoodStanding: (id: string) => boolean },
): Wished {
  const { action, resource, role, seconds } = wanted
  if (wanted.justification.trim() === '') throw new AccessError('access_request_invalid', 'say why it is needed')
  checkText(wanted.justification)
  checkSeconds(seconds)
  if (action === undefined && role === undefined) {
    throw new AccessError('access_request_invalid', 'name the action, or the role')
  }
  const id = wanted.subject ?? actorOf(ctx.caller).id
  const subject = asking.denied?.subject ?? ctx.caller.chain.find((link) => link.id === id)
  // Whether there is somebody of this name is not for the caller to learn.
  if (subject === undefined) throw new AccessError('access_request_invalid', 'access is asked for oneself')
  // What is not there, and what nothing can be granted on, look the same from outside.
  if (!inGoodStanding(subject.id) || !grantable.exists(resource)) throw noHelp()
  const wished = { subject, action, resource }
  if (action !== undefined && grantable.isAllowed(ctx, { ...wished, action })) throw needless(action)
  return wished
}

/** What is asked for: the role that was named, or the one that grants just the action. Throws `request_pointless`, `request_wider`. */
export function chooseOffer(offers: readonly Offer[], { action, resource }: Wished, role: string | undefined): Offer {
  const [least] = offers
  if (least === undefined) throw noHelp()
  const isExact = least.grants.length === 1 && least.grants[0] === action
  if (role !== undefined || isExact) return least
  const also = least.grants.filter((id) => id !== action).map((id) => `\`${id}\``)
  throw new AccessError(
    'request_wider',
    `no role grants just \`${action}\` on \`${resource.type}::${resource.id}\`; the least is \`${least.role}\`, which also grants ${also.join(', ')} there: ask for it by name`,
  )
}

/** Throws `access_request_invalid`. */
export function checkSeconds(seconds: number): void {
  if (Number.isInteger(seconds) && seconds >= 1 && seconds <= LONGEST_GRANT) return
  throw new AccessError('access_request_invalid', `access is given for one second to ${LONGEST_GRANT / DAY} days`)
}

/** Throws `access_request_invalid`. */
export function checkText(text: string): void {
  if (text.length > LONGEST_TEXT)
    throw new AccessError('access_request_invalid', `a text has at most ${LONGEST_TEXT} characters`)
}

export function needless(action: string): AccessError {
  return new AccessError('request_needless', `\`${action}\` is allowed already, or would be after signing in again`)
}

export function noHelp(): AccessError {
  return new AccessError('request_pointless', 'no grant that could be given would help')
}
