import { errors } from 'oidc-provider'
import { z } from 'zod'
import type { Mandate } from '../kernel/index.ts'

/** The type of the one entry of `authorization_details` (RFC 9396 §2) that is understood here. */
export const MANDATE_TYPE = 'urn:sallyport:mandate'

const text = z.string().min(1).max(256)
const details = z
  .array(
    z.strictObject({
      type: z.literal(MANDATE_TYPE),
      actions: z.array(text).min(1).max(100),
      resources: z
        .array(z.strictObject({ type: text, id: z.string().min(1).max(1024) }))
        .min(1)
        .max(100),
      purpose: text.optional(),
      /** seconds */
      expires_in: z.int().min(1).optional(),
    }),
  )
  .length(1)

const LONGEST = 64 * 1024
/** Mandates within mandates, at most. */
const DEEPEST = 8

/** What is known of an exchange that gives a mandate. */
export interface Giving {
  readonly before: Mandate | undefined
  /** Whether the subject itself gives it: nobody else can say for which task the subject wants something done. */
  readonly bySubject: boolean
  readonly now: number
  /** When the token ends, in milliseconds since the epoch: the mandate ends then at the latest. */
  readonly endsAt: number
}

/**
 * The mandate under which the token of an exchange stands: that of the subject token, narrowed by the
 * `authorization_details` of the request. INVARIANT: it is never wider, for the one before stays in force within it.
 * Throws `invalid_authorization_details` (RFC 9396 §5).
 */
export function narrowMandate(asked: string | undefined, giving: Giving): Mandate | undefined {
  const { before, bySubject, now, endsAt } = giving
  if (asked === undefined) return before
  const [entry] = parse(asked)
  if (entry === undefined) throw invalid('one mandate is expected')
  const { actions, resources, purpose, expires_in: ttl } = entry
  if (purpose !== undefined && purpose !== before?.purpose) {
    if (before?.purpose !== undefined) throw invalid('the purpose is that of the mandate before')
    if (!bySubject) throw invalid('only the subject says what for')
  }
  if (depthOf(before) >= DEEPEST) throw invalid('too many mandates within each other')
  const purposeNow = before?.purpose ?? purpose
  const expiresAt = Math.min(endsAt, before?.expiresAt ?? endsAt, ttl === undefined ? endsAt : now + ttl * 1000)
  return {
    actions,
    resources,
    ...(purposeNow === undefined ? {} : { purpose: purposeNow }),
    expiresAt,
    ...(before === undefined ? {} : { within: before }),
  }
}

/** The same as `authorization_details`, for readers of the token (RFC 9396 §9.1). What is decided on is the record. */
export function detailsOf({ actions, resources, purpose }: Mandate): readonly object[] {
  return [{ type: MANDATE_TYPE, actions, resources, ...(purpose === undefined ? {} : { purpose }) }]
}

function parse(asked: string): z.output<typeof details> {
  if (asked.length > LONGEST) throw invalid('too long')
  let json: unknown
  try {
    json = JSON.parse(asked)
  } catch {
    throw invalid('not JSON')
  }
  const parsed = details.safeParse(json)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw invalid(`${issue?.path.map(String).join('.') ?? ''}: ${issue?.message ?? 'invalid'}`)
}

function depthOf(mandate: Mandate | undefined): number {
  return mandate === undefined ? 0 : 1 + depthOf(mandate.within)
}

function invalid(message: string): errors.InvalidAuthorizationDetails {
  return new errors.InvalidAuthorizationDetails(message)
}
