import type { Migration } from '../migrate.ts'

export const tenantMigrations: readonly Migration[] = [
  `
  CREATE TABLE keys (
    id TEXT PRIMARY KEY,
    purpose TEXT NOT NULL,
    algorithm TEXT NOT NULL,
    public_jwk TEXT,
    sealed BLOB NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('active', 'retired')),
    created_at INTEGER NOT NULL,
    retired_at INTEGER
  ) STRICT;
  -- of each purpose one key is in use
  CREATE UNIQUE INDEX keys_in_use ON keys (purpose) WHERE status = 'active';

  CREATE TABLE principals (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('User', 'Service', 'Agent', 'Device')),
    name TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('active', 'suspended')),
    sponsor TEXT REFERENCES principals (id),
    agent_type TEXT,
    project TEXT,
    level INTEGER CHECK (level >= 0),
    risk INTEGER CHECK (risk BETWEEN 0 AND 100),
    risk_source TEXT,
    risk_at INTEGER,
    risk_ends INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    -- an agent always has a human who answers for it
    CHECK (kind <> 'Agent' OR sponsor IS NOT NULL)
  ) STRICT;
  CREATE TABLE groups (id TEXT PRIMARY KEY, name TEXT NOT NULL) STRICT;
  CREATE TABLE group_members (
    group_id TEXT NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
    principal_id TEXT NOT NULL REFERENCES principals (id) ON DELETE CASCADE,
    PRIMARY KEY (group_id, principal_id)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE roles (id TEXT PRIMARY KEY, title TEXT NOT NULL) STRICT;
  CREATE TABLE role_assignments (
    -- of the tenant's own roles, or of those that ship with the product
    role_id TEXT NOT NULL,
    assignee_kind TEXT NOT NULL CHECK (assignee_kind IN ('principal', 'group', 'agent_type')),
    assignee_id TEXT NOT NULL,
    resource_type TEXT NOT NULL,
    resource_id TEXT NOT NULL,
    ends_at INTEGER,
    PRIMARY KEY (role_id, assignee_kind, assignee_id, resource_type, resource_id)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE credentials (
    id TEXT PRIMARY KEY,
    principal_id TEXT NOT NULL REFERENCES principals (id) ON DELETE CASCADE,
    kind TEXT NOT NULL CHECK (kind IN ('jwk', 'client_secret', 'gateway_key')),
    public_jwk TEXT,
    secret_hash TEXT,
    scope TEXT,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER
  ) STRICT;
  CREATE UNIQUE INDEX credentials_by_gateway_key ON credentials (secret_hash) WHERE kind = 'gateway_key';
  CREATE INDEX credentials_by_principal ON credentials (principal_id);

  CREATE TABLE delegations (
    id TEXT PRIMARY KEY,
    txn TEXT NOT NULL,
    parent TEXT,
    chain TEXT NOT NULL,
    scope TEXT NOT NULL,
    audience TEXT NOT NULL,
    mandate TEXT,
    lineage TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    revoked_at INTEGER
  ) STRICT;
  CREATE INDEX delegations_by_txn ON delegations (txn);
  CREATE INDEX delegations_by_expiry ON delegations (expires_at);
  CREATE TABLE used_assertions (
    issuer TEXT NOT NULL,
    jti TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (issuer, jti)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX used_assertions_by_expiry ON used_assertions (expires_at);
  CREATE TABLE revoked_tokens (jti TEXT PRIMARY KEY, expires_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE INDEX revoked_tokens_by_expiry ON revoked_tokens (expires_at);

  -- How long bodies of records are kept, by kind of record.
  CREATE TABLE retention (kind TEXT PRIMARY KEY, days INTEGER, hold INTEGER NOT NULL) STRICT, WITHOUT ROWID;

  -- What decisions were made on, by version.
  CREATE TABLE world_changes (
    version INTEGER NOT NULL,
    key TEXT NOT NULL,
    value TEXT,
    erased INTEGER NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (version, key)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE policy_texts (digest TEXT PRIMARY KEY, text TEXT NOT NULL) STRICT;
  CREATE TABLE policy_revisions (
    address TEXT PRIMARY KEY,
    layer TEXT NOT NULL,
    message TEXT NOT NULL,
    author TEXT NOT NULL,
    authors TEXT NOT NULL,
    parent TEXT,
    bytes INTEGER NOT NULL,
    pushed_at INTEGER NOT NULL,
    activated_at INTEGER
  ) STRICT;
  CREATE INDEX policy_revisions_by_time ON policy_revisions (pushed_at);
  CREATE TABLE policy_files (
    revision TEXT NOT NULL REFERENCES policy_revisions (address) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    fields TEXT NOT NULL,
    text TEXT NOT NULL REFERENCES policy_texts (digest),
    PRIMARY KEY (revision, name)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX policy_files_by_text ON policy_files (text);
  CREATE TABLE policy_evidence (
    id INTEGER PRIMARY KEY,
    revision TEXT NOT NULL REFERENCES policy_revisions (address) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    result TEXT NOT NULL CHECK (result IN ('passed', 'failed')),
    at INTEGER NOT NULL,
    by TEXT NOT NULL,
    whole TEXT NOT NULL,
    counts TEXT NOT NULL,
    digest TEXT,
    detail TEXT
  ) STRICT;
  CREATE INDEX policy_evidence_by_revision ON policy_evidence (revision);
  CREATE TABLE policy_activations (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('activate', 'rollback', 'apply')),
    layer TEXT NOT NULL,
    -- what was once in force is kept
    revision TEXT NOT NULL REFERENCES policy_revisions (address),
    before TEXT REFERENCES policy_revisions (address),
    whole TEXT NOT NULL REFERENCES policy_wholes (address),
    by TEXT NOT NULL,
    message TEXT NOT NULL,
    at INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX policy_activations_by_layer ON policy_activations (layer, id);
  CREATE TABLE policy_wholes (
    address TEXT PRIMARY KEY,
    foundation TEXT NOT NULL REFERENCES policy_revisions (address),
    layers TEXT NOT NULL,
    first_at INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE resources (
    type TEXT NOT NULL,
    id TEXT NOT NULL,
    parents TEXT NOT NULL,
    attributes TEXT NOT NULL,
    PRIMARY KEY (type, id)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE modes (
    target TEXT PRIMARY KEY,
    mode TEXT NOT NULL CHECK (mode IN ('enforce', 'observe')),
    identify TEXT NOT NULL CHECK (identify IN ('required', 'optional')),
    set_by TEXT NOT NULL,
    set_at INTEGER NOT NULL,
    CHECK (identify = 'required' OR mode = 'observe')
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
  CREATE TABLE limit_usage (
    statement TEXT NOT NULL,
    what TEXT NOT NULL,
    key TEXT NOT NULL,
    window_start INTEGER NOT NULL,
    window_end INTEGER NOT NULL,
    used INTEGER NOT NULL CHECK (used >= 0),
    told INTEGER NOT NULL,
    PRIMARY KEY (statement, what, key)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE access_requests (
    id TEXT PRIMARY KEY,
    state TEXT NOT NULL CHECK (state IN ('pending', 'approved', 'denied', 'cancelled', 'revoked')),
    subject TEXT NOT NULL,
    requester TEXT NOT NULL,
    role TEXT NOT NULL,
    resource_type TEXT NOT NULL,
    resource_id TEXT NOT NULL,
    request TEXT NOT NULL,
    requested_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    decided_by TEXT,
    decided_at INTEGER,
    note TEXT,
    approval TEXT,
    ends_at INTEGER,
    closed_by TEXT,
    closed_at INTEGER,
    evaluation TEXT,
    idempotency TEXT,
    -- what was given has an end
    CHECK (state <> 'approved' OR (ends_at IS NOT NULL AND approval IS NOT NULL))
  ) STRICT;
  CREATE INDEX access_requests_by_state ON access_requests (state, expires_at);
  CREATE UNIQUE INDEX access_requests_by_approval ON access_requests (approval) WHERE approval IS NOT NULL;
  -- a denial is followed by one request
  CREATE UNIQUE INDEX access_requests_by_evaluation ON access_requests (evaluation) WHERE evaluation IS NOT NULL;
  CREATE UNIQUE INDEX access_requests_by_key ON access_requests (idempotency) WHERE idempotency IS NOT NULL;
  CREATE TABLE list_entries (
    id TEXT PRIMARY KEY,
    list TEXT NOT NULL CHECK (list IN ('deny', 'allow')),
    target TEXT NOT NULL,
    project TEXT,
    actions TEXT,
    reason TEXT NOT NULL,
    source TEXT NOT NULL,
    added_by TEXT NOT NULL,
    added_at INTEGER NOT NULL,
    ends_at INTEGER
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE approvals (
    id TEXT PRIMARY KEY,
    digest TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'approved', 'denied', 'used', 'revoked', 'expired')),
    requester TEXT NOT NULL,
    request TEXT NOT NULL,
    sealed BLOB,
    requested_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    decided_by TEXT,
    decided_at INTEGER,
    reason TEXT,
    ended_at INTEGER
  ) STRICT;
  -- one request, or one approval, for the same thing at a time
  CREATE UNIQUE INDEX approvals_alive ON approvals (digest) WHERE state IN ('pending', 'approved');
  CREATE INDEX approvals_by_end ON approvals (ended_at);

  CREATE TABLE upstreams (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('openai', 'anthropic', 'mcp')),
    url TEXT NOT NULL,
    settings TEXT NOT NULL,
    sealed_credential BLOB
  ) STRICT;
  CREATE TABLE models (
    id TEXT PRIMARY KEY,
    upstream_id TEXT NOT NULL REFERENCES upstreams (id) ON DELETE CASCADE,
    upstream_model TEXT NOT NULL,
    attributes TEXT NOT NULL
  ) STRICT;
  CREATE TABLE tools (
    server TEXT NOT NULL REFERENCES upstreams (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    digest TEXT NOT NULL,
    definition TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('accepted', 'quarantined')),
    accepted_digest TEXT,
    accepted_definition TEXT,
    settings TEXT NOT NULL,
    decided_by TEXT,
    seen_at INTEGER NOT NULL,
    decided_at INTEGER,
    PRIMARY KEY (server, name)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE exports (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('ocsf-file', 'otlp', 'webhook')),
    settings TEXT NOT NULL,
    sealed_credential BLOB,
    next INTEGER NOT NULL,
    delivered_at INTEGER
  ) STRICT;
  CREATE TABLE export_refused (
    target TEXT NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    count INTEGER NOT NULL,
    reason TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (target, first)
  ) STRICT, WITHOUT ROWID;
  `,
]
