import { GATEWAY_STATUS } from '../gateway/index.ts'
import { SallyportError } from '../kernel/index.ts'

/** The HTTP status of every error code. What is not in this table is a defect, and answers 500. */
export const STATUS: Readonly<Record<string, number>> = {
  ...GATEWAY_STATUS,
  // http
  body_too_large: 413,
  body_not_json: 400,
  body_invalid: 400,
  query_invalid: 400,
  route_unknown: 404,
  tenant_unknown: 404,
  denied: 403,
  limit_reached: 429,
  // oauth
  no_credentials: 401,
  invalid_token: 401,
  // access
  policies_invalid: 422,
  pack_invalid: 422,
  settings_invalid: 422,
  approval_unknown: 404,
  approval_over: 409,
  approval_useless: 409,
  limits_unavailable: 503,
  limit_unknown: 404,
  reservation_unknown: 404,
  reservations_full: 409,
  resources_invalid: 422,
  cursor_invalid: 400,
  question_invalid: 400,
  not_translatable: 422,
  mode_invalid: 422,
  list_invalid: 422,
  list_entry_unknown: 404,
  lists_full: 409,
  locked_out: 409,
  access_request_invalid: 422,
  request_pointless: 422,
  request_needless: 409,
  request_wider: 409,
  request_repeated: 409,
  request_unknown: 404,
  request_closed: 409,
  request_own: 403,
  requests_full: 429,
  revision_unknown: 404,
  revision_ambiguous: 409,
  revision_invalid: 422,
  revision_conflict: 409,
  revision_active: 409,
  tests_failed: 409,
  evidence_missing: 409,
  rollback_impossible: 409,
  denial_unbound: 400,
  denial_expired: 410,
  // identity
  manifest_invalid: 422,
  principal_unknown: 404,
  key_unknown: 404,
  key_invalid: 400,
  fact_invalid: 400,
  secret_not_needed: 409,
  // audit
  log_unavailable: 503,
  log_overloaded: 503,
  log_restored: 503,
  export_unknown: 404,
  record_invalid: 500,
  record_unknown: 404,
  search_invalid: 400,
  log_corrupt: 500,
  // store, keys
  nested_transaction: 500,
}

export function statusOf(error: unknown): number {
  return error instanceof SallyportError ? (STATUS[error.code] ?? 500) : 500
}
