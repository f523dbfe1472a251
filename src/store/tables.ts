// Times are milliseconds since the epoch. JSON columns hold text written by the room that owns the table.

/** `data/system.db` */
export interface SystemTables {
  /** log_origin: the name that the tenant's log signs under; null until it has been opened */
  tenants: { id: string; created_at: number; log_origin: string | null }
}

/** `data/tenants/NAME.db`: one file a tenant, so no table names the tenant. */
export interface TenantTables {
  // keys
  keys: {
    id: string
    purpose: string
    algorithm: string
    /** public JWK, or null for a secret key */
    public_jwk: string | null
    sealed: Uint8Array
    status: 'active' | 'retired'
    created_at: number
    retired_at: number | null
  }
  // identity
  principals: {
    id: string
    kind: 'User' | 'Service' | 'Agent' | 'Device'
    name: string
    status: 'active' | 'suspended'
    sponsor: string | null
    agent_type: string | null
    /** where it belongs, for whoever administers one project only */
    project: string | null
    /** what an agent has earned */
    level: number | null
    /** 0 to 100, who says so, when, and until when it counts; all four or none */
    risk: number | null
    risk_source: string | null
    risk_at: number | null
    risk_ends: number | null
    created_at: number
    updated_at: number
  }
  groups: { id: string; name: string }
  group_members: { group_id: string; principal_id: string }
  roles: { id: string; title: string }
  role_assignments: {
    role_id: string
    assignee_kind: 'principal' | 'group' | 'agent_type'
    assignee_id: string
    /** what it is limited to; both empty where it holds everywhere */
    resource_type: string
    resource_id: string
    ends_at: number | null
  }
  credentials: {
    id: string
    principal_id: string
    kind: 'jwk' | 'client_secret' | 'gateway_key'
    /** public JWK for `jwk`, else null */
    public_jwk: string | null
    /** SHA-256 of the secret for `gateway_key`, a scrypt string for `client_secret`, else null */
    secret_hash: string | null
    /** JSON array of scopes, or null where the credential does not narrow */
    scope: string | null
    created_at: number
    expires_at: number | null
    revoked_at: number | null
  }
  // oauth
  delegations: {
    id: string
    txn: string
    parent: string | null
    /** JSON array of principal references, subject first */
    chain: string
    /** JSON array of scopes */
    scope: string
    audience: string
    /** JSON, shape owned by kernel's Mandate, or null where nothing narrows it */
    mandate: string | null
    /** JSON array of the tokens and delegations that this one hangs on */
    lineage: string
    created_at: number
    expires_at: number
    revoked_at: number | null
  }
  used_assertions: { issuer: string; jti: string; expires_at: number }
  revoked_tokens: { jti: string; expires_at: number }
  // audit
  /** days: null where bodies are kept for ever; hold: 1 while nothing of this kind may be destroyed by a rule */
  retention: { kind: string; days: number | null; hold: 0 | 1 }
  // access
  /** Texts of policy files by SHA-256; many revisions share one. */
  policy_texts: { digest: string; text: string }
  /** address: SHA-256 of its files; see access/revisions */
  policy_revisions: {
    address: string
    layer: string
    message: string
    /** JSON array of principal references, subject first: who pushed it last */
    author: string
    /** JSON array of ids: every user behind a push of it */
    authors: string
    /** what was active in the layer when it was pushed */
    parent: string | null
    bytes: number
    pushed_at: number
    /** when it last came in force; null for one that never did */
    activated_at: number | null
  }
  policy_files: {
    revision: string
    kind: 'policy' | 'tests' | 'setting' | 'base-schema' | 'base-policy' | 'base-role'
    name: string
    /** JSON: everything else that is said of the file */
    fields: string
    /** digest */
    text: string
  }
  policy_evidence: {
    id: number
    revision: string
    kind: string
    result: 'passed' | 'failed'
    at: number
    by: string
    /** content address of the policies that it was found of, together */
    whole: string
    /** JSON object of numbers */
    counts: string
    digest: string | null
    detail: string | null
  }
  /** The last one of a layer says what is active in it. */
  policy_activations: {
    id: number
    kind: 'activate' | 'rollback' | 'apply'
    layer: string
    revision: string
    /** what was active before */
    before: string | null
    /** content address of all that has decided from then on */
    whole: string
    by: string
    message: string
    at: number
  }
  /** All that ever decided together. layers: JSON object, revision by layer; foundation: revision of what ships with the product */
  policy_wholes: { address: string; foundation: string; layers: string; first_at: number }
  /** parents: JSON array of entity references; attributes: JSON object. What a manifest says of resources. */
  resources: { type: string; id: string; parents: string; attributes: string }
  settings: { name: string; value: string }
  /**
   * What decisions looked at in memory, change by change. key: JSON array, shape owned by access/history, empty where a
   * version is begun without a change; value: JSON, or null where there is nothing any more; erased: 1 where somebody who
   * was named there was forgotten
   */
  world_changes: { version: number; key: string; value: string | null; erased: 0 | 1; at: number }
  /** What stands in `observe` or `enforce`. target: shape owned by access/modes */
  modes: {
    target: string
    mode: 'enforce' | 'observe'
    /** whether callers that cannot be identified are let through; only where a route is observed */
    identify: 'required' | 'optional'
    set_by: string
    set_at: number
  }
  /** What was used of budgets. used: in counts of the unit, open reservations included; told: percent, 0 for nothing. */
  limit_usage: {
    statement: string
    /** unit and window: `tokens/day` */
    what: string
    /** who shares the count */
    key: string
    window_start: number
    window_end: number
    used: number
    told: number
  }
  access_requests: {
    id: string
    state: 'pending' | 'approved' | 'denied' | 'cancelled' | 'revoked'
    /** id of who would get the grant */
    subject: string
    /** id of who asks */
    requester: string
    role: string
    resource_type: string
    resource_id: string
    /** JSON, shape owned by access/requests */
    request: string
    requested_at: number
    /** until when it waits */
    expires_at: number
    decided_by: string | null
    decided_at: number | null
    note: string | null
    /** id of the grant */
    approval: string | null
    /** of the grant */
    ends_at: number | null
    closed_by: string | null
    closed_at: number | null
    /** id of the denied evaluation that it follows, or null */
    evaluation: string | null
    /** the requester's key for this request and a digest of what came with it, or null */
    idempotency: string | null
  }
  list_entries: {
    id: string
    list: 'deny' | 'allow'
    /** `network:203.0.113.0/24`: shape owned by access/lists */
    target: string
    /** what it is limited to, or null */
    project: string | null
    actions: string | null
    reason: string
    source: string
    added_by: string
    added_at: number
    ends_at: number | null
  }
  approvals: {
    id: string
    /** what the approval is bound to; see access/approvals */
    digest: string
    state: 'pending' | 'approved' | 'denied' | 'used' | 'revoked' | 'expired'
    /** id of the principal that would act */
    requester: string
    /** JSON, shape owned by access/approvals: who asks for what, without the arguments */
    request: string
    /** the arguments; null once nobody will decide on them any more */
    sealed: Uint8Array | null
    requested_at: number
    /** of the request while it waits, then of the approval */
    expires_at: number
    decided_by: string | null
    decided_at: number | null
    reason: string | null
    ended_at: number | null
  }
  // gateway
  upstreams: {
    id: string
    kind: 'openai' | 'anthropic' | 'mcp'
    url: string
    /** JSON, shape owned by gateway/catalog */
    settings: string
    sealed_credential: Uint8Array | null
  }
  models: { id: string; upstream_id: string; upstream_model: string; attributes: string }
  tools: {
    server: string
    name: string
    /** digest of the definition that is in force */
    digest: string
    definition: string
    status: 'accepted' | 'quarantined'
    /** the accepted definition while a changed one waits, else null */
    accepted_digest: string | null
    accepted_definition: string | null
    /** JSON, shape owned by gateway/catalog */
    settings: string
    decided_by: string | null
    seen_at: number
    decided_at: number | null
  }
  // audit
  exports: {
    id: string
    kind: 'ocsf-file' | 'otlp' | 'webhook'
    /** JSON, shape owned by audit/export */
    settings: string
    sealed_credential: Uint8Array | null
    /** index of the first record that was not delivered yet */
    next: number
    delivered_at: number | null
  }
  /** records `first` to `last` that a target would not take: `count` of them, or as many as it said */
  export_refused: {
    target: string
    first: number
    last: number
    count: number
    reason: string
    at: number
  }
}
