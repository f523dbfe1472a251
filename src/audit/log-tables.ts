import type { Migration } from '../store/index.ts'

/** `data/tenants/NAME.log.db`. What every byte in it is covered by stands in docs/explanation/log.md. */
export const logMigrations: readonly Migration[] = [
  `
  -- The names the log has signed under, the newest last; a log restored from a backup goes on under a new one. first:
  -- index of the first record under it. after: the last checkpoint known of what came before it.
  CREATE TABLE origins (
    id INTEGER PRIMARY KEY,
    origin TEXT NOT NULL UNIQUE,
    first INTEGER NOT NULL,
    after TEXT
  ) STRICT;

  -- leaf: the entry of the Merkle log. body: sealed, null once forgotten. seal: which keys it was sealed under.
  -- txn: a number made of the txn, to find the records of one request.
  CREATE TABLE records (
    idx INTEGER PRIMARY KEY,
    leaf BLOB NOT NULL,
    txn INTEGER NOT NULL,
    seal INTEGER NOT NULL,
    body BLOB
  ) STRICT;
  CREATE INDEX records_by_txn ON records (txn);

  -- Full tiles only; a partial one is a part of a later full one.
  CREATE TABLE tiles (
    level INTEGER NOT NULL,
    n INTEGER NOT NULL,
    hashes BLOB NOT NULL,
    PRIMARY KEY (level, n)
  ) STRICT;
  CREATE TABLE checkpoints (
    origin INTEGER NOT NULL REFERENCES origins (id),
    size INTEGER NOT NULL,
    note TEXT NOT NULL,
    PRIMARY KEY (origin, size)
  ) STRICT;
  -- The leaf hashes at the right edge as of the newest checkpoint: they say which record was changed where no full
  -- tile covers it yet.
  CREATE TABLE edge (id INTEGER PRIMARY KEY CHECK (id = 0), size INTEGER NOT NULL, hashes BLOB NOT NULL) STRICT;

  -- Keys that bodies are sealed under: one for each retention class and day, one for each person. wrapped is null,
  -- and so is name, once the key was destroyed.
  CREATE TABLE body_keys (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('class', 'person', 'terms')),
    name TEXT,
    day INTEGER NOT NULL,
    wrapped BLOB
  ) STRICT;
  CREATE UNIQUE INDEX body_keys_by_name ON body_keys (kind, name, day) WHERE name IS NOT NULL;
  -- Which keys a body needs all of: a JSON array of body_keys.id.
  CREATE TABLE seals (id INTEGER PRIMARY KEY, keys TEXT NOT NULL UNIQUE) STRICT;

  -- The search index. A segment is 1024 records in a row; offsets are positions in it (offset-lists.ts).
  CREATE TABLE postings (
    term INTEGER NOT NULL,
    segment INTEGER NOT NULL,
    offsets BLOB NOT NULL,
    PRIMARY KEY (term, segment)
  ) STRICT, WITHOUT ROWID;
  -- Full text: id is 64 * segment + bucket; entries are the words of that bucket (word-index.ts).
  CREATE TABLE words (id INTEGER PRIMARY KEY, entries BLOB NOT NULL) STRICT;
  CREATE TABLE segments (segment INTEGER PRIMARY KEY, first_at INTEGER NOT NULL, last_at INTEGER NOT NULL) STRICT;
  `,
]
