import type { Json } from '../../kernel/index.ts'
import type { JsonObject, ReadableRecord, RecordKind, StoredRecord } from '../record.ts'
import { isObject, objectsOf } from './export-filter.ts'

/** The version of the OCSF schema that events are written in. */
export const OCSF_VERSION = '1.4.0'

/** An event of the Open Cybersecurity Schema Framework. */
export type OcsfEvent = JsonObject & {
  readonly class_uid: number
  readonly severity_id: number
  /** milliseconds since the epoch */
  readonly time: number
  readonly metadata: JsonObject
}

/**
 * A record as an OCSF event: decisions and outcomes as API Activity (6003), tokens and sign-ins as Authentication
 * (3002), changes as Account Change (3001) or Entity Management (3004), alerts as Detection Finding (2004). What has no
 * attribute there stands in `unmapped`. `origin` is the name of the log.
 */
export function ocsfEvent(record: StoredRecord, origin: string): OcsfEvent {
  const { from, className, activity, attributes, taken, severity } = record.erased
    ? erased(record)
    : MAPPINGS[record.kind](record)
  const { uid: classUid, category } = CLASSES[className]
  return {
    activity_id: activity,
    category_uid: category,
    class_name: className,
    class_uid: classUid,
    type_uid: classUid * 100 + activity,
    severity_id: severity ?? SEVERITY.informational,
    time: record.at,
    metadata: metadataOf(record, origin, PROFILED.has(className) && 'action_id' in attributes),
    ...attributes,
    unmapped: unmappedOf(record, from, taken),
  }
}

const CLASSES = {
  'API Activity': { uid: 6003, category: 6 },
  Authentication: { uid: 3002, category: 3 },
  'Account Change': { uid: 3001, category: 3 },
  'Entity Management': { uid: 3004, category: 3 },
  'Detection Finding': { uid: 2004, category: 2 },
} as const

const SEVERITY = { informational: 1, low: 2, medium: 3, high: 4 } as const
const STATUS = { unknown: 0, success: 1, failure: 2, other: 99 } as const
const OTHER = 99
// The attributes `action_id` and `disposition_id` come with a profile that has to be named.
const PROFILED: ReadonlySet<string> = new Set(['API Activity'])

interface Mapped {
  readonly className: keyof typeof CLASSES
  readonly activity: number
  readonly severity?: number
  readonly attributes: JsonObject
  /** What the attributes were taken from, and which of its members they hold. */
  readonly from: JsonObject
  readonly taken: readonly string[]
}

const MAPPINGS: Readonly<Record<RecordKind, (record: ReadableRecord) => Mapped>> = {
  decision: decisionEvent,
  outcome: outcomeEvent,
  token: authenticationEvent,
  signin: authenticationEvent,
  change: changeEvent,
  alert: alertEvent,
}

function decisionEvent({ body }: ReadableRecord): Mapped {
  const action = textOf(body.action) ?? 'unknown'
  // OCSF 1.4, `security_control`: an observed activity was neither allowed nor denied by the control, only logged.
  const verdict = verdictOf(body.decision)
  const subjects = [body, ...objectsOf(body.questions)].map(({ resource }) => resource).filter(isObject)
  return {
    className: 'API Activity',
    activity: activityOf(action),
    severity: verdict.severity,
    from: body,
    taken: ['action', 'resource', 'decision', 'remedy'],
    attributes: {
      actor: actorOf(body),
      api: { operation: action, ...(isText(body.operation) ? { service: { name: body.operation } } : {}) },
      src_endpoint: sourceOf(body),
      resources: distinct(subjects).map(resourceOf),
      ...verdict.attributes,
      ...(isText(body.remedy) ? { status_detail: body.remedy } : {}),
    },
  }
}

function verdictOf(decision: Json | undefined): (typeof VERDICTS)[keyof typeof VERDICTS] {
  return decision === 'allow' || decision === 'observed-deny' ? VERDICTS[decision] : VERDICTS.deny
}

const VERDICTS = {
  allow: {
    severity: SEVERITY.informational,
    attributes: { status_id: STATUS.success, action_id: 1, disposition_id: 1 },
  },
  deny: { severity: SEVERITY.low, attributes: { status_id: STATUS.failure, action_id: 2, disposition_id: 2 } },
  'observed-deny': {
    severity: SEVERITY.low,
    attributes: { status_id: STATUS.success, action_id: 3, disposition_id: 17 },
  },
} as const satisfies Readonly<Record<string, { readonly severity: number; readonly attributes: JsonObject }>>

function outcomeEvent({ body }: ReadableRecord): Mapped {
  const isOk = body.status === 'ok'
  return {
    className: 'API Activity',
    activity: OTHER,
    severity: isOk ? SEVERITY.informational : SEVERITY.low,
    from: body,
    taken: ['status', 'ms'],
    attributes: {
      activity_name: 'Outcome',
      // An outcome names nobody: it belongs to the decision whose index stands in `unmapped.of`, as does the request id.
      actor: { app_name: 'sallyport' },
      api: { operation: 'outcome' },
      src_endpoint: { name: 'sallyport' },
      status_id: isOk ? STATUS.success : STATUS.failure,
      ...(isText(body.status) ? { status: body.status } : {}),
      ...(typeof body.ms === 'number' ? { duration: body.ms } : {}),
      ...(typeof body.httpStatus === 'number' ? { http_response: { code: body.httpStatus } } : {}),
    },
  }
}

function authenticationEvent({ kind, body }: ReadableRecord): Mapped {
  const event = textOf(body.event) ?? kind
  const isRefused = event === 'refused' || body.error !== undefined
  return {
    className: 'Authentication',
    activity: AUTHENTICATIONS[event] ?? OTHER,
    severity: isRefused ? SEVERITY.low : SEVERITY.informational,
    from: body,
    taken: ['event', 'client', 'error', 'audience'],
    attributes: {
      activity_name: event,
      actor: actorOf(body),
      user: userOf(body),
      service: { name: textOf(body.audience) ?? 'sallyport' },
      src_endpoint: sourceOf(body),
      auth_protocol_id: kind === 'token' ? 6 : OTHER, // OAuth 2.0
      is_remote: true,
      status_id: isRefused ? STATUS.failure : STATUS.success,
      ...(isText(body.error) ? { status_detail: body.error } : {}),
    },
  }
}

// Logon, logoff, authentication ticket, service ticket.
const AUTHENTICATIONS: Readonly<Record<string, number>> = { signin: 1, refused: 1, revoked: 2, issued: 3, exchanged: 4 }

function changeEvent({ body }: ReadableRecord): Mapped {
  const verb = (textOf(body.action) ?? textOf(body.event) ?? '').split(':').at(-1) ?? ''
  const principal = textOf(body.principal) ?? textOf(body.person)
  // Who was changed has not done it.
  const { principal: _, ...others } = body
  const shared = {
    from: body,
    attributes: { activity_name: verb === '' ? 'change' : verb, actor: actorOf(others), status_id: STATUS.success },
  }
  if (principal !== undefined) {
    const attributes = { ...shared.attributes, user: { uid: principal, name: principal } }
    const activity = ACCOUNT_CHANGES[verb] ?? OTHER
    return { ...shared, className: 'Account Change', activity, attributes, taken: ['principal', 'person'] }
  }
  const resource = isObject(body.resource) ? body.resource : {}
  const entity = { uid: textOf(resource.id) ?? 'unknown', type: textOf(resource.type) ?? 'unknown' }
  const activity = ENTITY_CHANGES[verb] ?? 3
  const attributes = { ...shared.attributes, entity }
  return { ...shared, className: 'Entity Management', activity, attributes, taken: ['resource'] }
}

const ACCOUNT_CHANGES: Readonly<Record<string, number>> = { create: 1, resume: 2, enable: 2, suspend: 5, delete: 6 }
const ENTITY_CHANGES: Readonly<Record<string, number>> = { create: 1, read: 2, delete: 4, remove: 4 }

function alertEvent({ index, txn, at, body }: ReadableRecord): Mapped {
  const title = textOf(body.title) ?? textOf(body.alert) ?? textOf(body.event) ?? 'alert'
  return {
    className: 'Detection Finding',
    activity: 1,
    severity: SEVERITIES[textOf(body.severity) ?? ''] ?? SEVERITY.medium,
    from: body,
    taken: ['title', 'resource', 'severity'],
    attributes: {
      finding_info: { uid: `${txn}/${index}`, title, created_time: at },
      is_alert: true,
      status_id: 1, // new
      ...(isObject(body.resource) ? { resources: [resourceOf(body.resource)] } : {}),
    },
  }
}

const SEVERITIES: Readonly<Record<string, number>> = { ...SEVERITY, critical: 5, fatal: 6 }

/** Of a record that was forgotten: that it was there, when, and of what kind. */
function erased(record: StoredRecord): Mapped {
  return {
    className: 'API Activity',
    activity: 0,
    from: {},
    taken: [],
    attributes: {
      actor: { app_name: 'sallyport' },
      api: { operation: record.kind },
      src_endpoint: { name: 'sallyport' },
      status_id: STATUS.unknown,
    },
  }
}

function metadataOf(record: StoredRecord, origin: string, isProfiled: boolean): JsonObject {
  return {
    version: OCSF_VERSION,
    product: { name: 'Sallyport', vendor_name: 'Sallyport' },
    // The same for a record whenever it is sent: what came twice can be told by it.
    uid: `${origin}/${record.index}`,
    sequence: record.index,
    log_name: origin,
    tenant_uid: record.tenant,
    ...(record.erased ? {} : { correlation_uid: record.txn }),
    ...(isProfiled ? { profiles: ['security_control'] } : {}),
  }
}

function unmappedOf(record: StoredRecord, from: JsonObject, taken: readonly string[]): JsonObject {
  const rest: { [name: string]: Json } = { kind: record.kind }
  if (record.erased) return { ...rest, erased: true }
  rest.trace = record.trace
  for (const [name, value] of Object.entries(from)) {
    if (!taken.includes(name)) rest[name] = value
  }
  return rest
}

/** Who made the request: the last of the chain. On whose behalf stands in `unmapped.chain`. */
function actorOf(body: JsonObject): JsonObject {
  const user = userOf(body)
  return isText(user.uid) ? { user } : { app_name: 'sallyport' }
}

function userOf(body: JsonObject): JsonObject {
  const last = objectsOf(body.chain).at(-1)
  const id = textOf(last?.id) ?? textOf(body.client) ?? textOf(body.principal)
  if (id === undefined) return { name: 'unknown' }
  // OCSF knows users, administrators and systems; what the kind is called here stands beside it.
  const kind = textOf(last?.kind)
  if (kind === undefined) return { uid: id, name: id }
  return { uid: id, name: id, type_id: kind === 'User' ? 1 : OTHER, type: kind }
}

function sourceOf(body: JsonObject): JsonObject {
  const network = isObject(body.context) && isObject(body.context.network) ? body.context.network : {}
  const address = isObject(network.address) && isObject(network.address.__extn) ? network.address.__extn.arg : undefined
  const name = textOf(userOf(body).name) ?? 'unknown'
  return isText(address) ? { ip: address, name } : { name }
}

function resourceOf(resource: JsonObject): JsonObject {
  const uid = textOf(resource.id) ?? 'unknown'
  return { uid, name: uid, type: textOf(resource.type) ?? 'unknown' }
}

function distinct(resources: readonly JsonObject[]): readonly JsonObject[] {
  return [...new Map(resources.map((one) => [`${one.type}::${one.id}`, one])).values()]
}

/** Create, read, update or delete, by the verb of an action. */
function activityOf(action: string): number {
  return ACTIVITIES[action.slice(action.indexOf(':') + 1)] ?? OTHER
}

const ACTIVITIES: Readonly<Record<string, number>> = {
  issue: 1,
  start: 1,
  read: 2,
  list: 2,
  get: 2,
  ask: 2,
  write: 3,
  apply: 3,
  review: 3,
  change: 3,
  tune: 3,
  suspend: 3,
  resume: 3,
  revoke: 4,
  stop: 4,
  delete: 4,
}

function isText(value: Json | undefined): value is string {
  return typeof value === 'string'
}

function textOf(value: Json | undefined): string | undefined {
  return isText(value) ? value : undefined
}
