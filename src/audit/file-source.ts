import type { KeyObject } from 'node:crypto'
import type { SQLOutputValue } from 'node:sqlite'
import { HASH_SIZE, TILE_WIDTH } from '../translog/index.ts'
import type { LogSource } from './log-source.ts'
import { openForReading } from './open-for-reading.ts'
import { verifyContents } from './verify-contents.ts'
import { verifyOrigins } from './verify-origins.ts'

/**
 * The log in a file, or in a copy of one, opened for reading only. With `sealing` the bodies and the search index are
 * verified as well. It reads one moment of the log, however long it takes. Throws `log_unavailable`, `log_corrupt`.
 */
export function fileSource(path: string, sealing?: KeyObject): LogSource {
  const db = openForReading(path)
  const leaves = db.prepare('SELECT idx, leaf FROM records WHERE idx BETWEEN ? AND ?')
  const tile = db.prepare('SELECT hashes FROM tiles WHERE level = ? AND n = ?')
  const edge = db.prepare('SELECT size, hashes FROM edge').get()

  return {
    hasPartialTiles: false,
    async checkpoints() {
      const rows = db
        .prepare(
          `SELECT c.size, c.note, o.origin FROM checkpoints c LEFT JOIN origins o ON o.id = c.origin
           ORDER BY c.origin, c.size`,
        )
        .all()
      return rows.map((row) => ({ note: String(row.note), size: Number(row.size), origin: String(row.origin) }))
    },
    async leaves(n, width) {
      const found: Array<Uint8Array | undefined> = new Array(width).fill(undefined)
      for (const row of leaves.all(n * TILE_WIDTH, n * TILE_WIDTH + width - 1)) {
        if (row.leaf instanceof Uint8Array) found[Number(row.idx) - n * TILE_WIDTH] = row.leaf
      }
      return found
    },
    async tile(level, n, width) {
      if (level === 0 && width < TILE_WIDTH) return edge === undefined ? undefined : edgeOf(edge, n, width)
      const hashes = tile.get(level, n)?.hashes
      return width === TILE_WIDTH && hashes instanceof Uint8Array && hashes.length === TILE_WIDTH * HASH_SIZE
        ? hashes
        : undefined
    },
    async origins() {
      const rows = db.prepare('SELECT origin, first, after FROM origins ORDER BY id').all()
      return rows.map(({ origin, first, after }) => ({
        origin: String(origin),
        first: Number(first),
        ...(after === null ? {} : { after: String(after) }),
      }))
    },
    contents: async (covered, onProgress) => {
      const contents = await verifyContents(path, db, covered, sealing, onProgress)
      return sealing === undefined
        ? contents
        : { ...contents, problems: [...contents.problems, ...verifyOrigins(db, sealing)] }
    },
    close: () => db.close(),
  }
}

// What is kept with the newest checkpoint also holds the edge of an older one in the same tile.
function edgeOf({ size, hashes }: Record<string, SQLOutputValue>, n: number, width: number): Uint8Array | undefined {
  const kept = Number(size) - n * TILE_WIDTH
  if (!(hashes instanceof Uint8Array) || kept >= TILE_WIDTH || hashes.length !== kept * HASH_SIZE) return undefined
  return width <= kept ? hashes.subarray(0, width * HASH_SIZE) : undefined
}
