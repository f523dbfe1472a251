import { z } from 'zod'
import { formatTilePath, parseCheckpoint, parseEntryBundle, type TilePath } from '../translog/index.ts'
import type { LogOrigin } from './continuation.ts'
import type { Problem } from './problems.ts'

/** A checkpoint as it was found, and where the file says that it belongs. */
export interface FoundCheckpoint {
  readonly note: string
  readonly size?: number
  readonly origin?: string
}

/** Where a log is read from to be verified. */
export interface LogSource {
  /** All there are, the oldest first; at least the newest. */
  checkpoints(): Promise<readonly FoundCheckpoint[]>
  /** Every name that the log has signed under, the oldest first; none where the source does not say. */
  origins(): Promise<readonly LogOrigin[]>
  /** The leaves of a bundle; `undefined` for each one that is missing. */
  leaves(n: number, width: number): Promise<ReadonlyArray<Uint8Array | undefined>>
  tile(level: number, n: number, width: number): Promise<Uint8Array | undefined>
  /** Whether partial tiles above the leaves are kept; where they are not, none is missed. */
  readonly hasPartialTiles: boolean
  /** Checks what lies beside the tree: bodies, search index, keys. Only a file has these. */
  readonly contents?: (size: number, onProgress: (records: number) => void) => Promise<ContentsReport>
  close(): void
}

export interface ContentsReport {
  readonly problems: readonly Problem[]
  /** Records that no checkpoint covers yet. */
  readonly uncovered: number
  /** Left out where the key is not at hand. */
  readonly bodies?: { readonly readable: number; readonly erased: number }
}

/** Bytes of one resource of a log, as `fetch` gets them; `undefined` for 404. */
export type FetchBytes = (path: string) => Promise<Uint8Array | undefined>

/**
 * A log as it is served below its prefix (C2SP tlog-tiles). `fetchBytes` gets `checkpoint` and `tile/…` paths, and
 * `origins`, which only a log of ours has.
 */
export function remoteSource(fetchBytes: FetchBytes): LogSource {
  const resource = (path: TilePath) => fetchBytes(formatTilePath(path))
  return {
    hasPartialTiles: true,
    async checkpoints() {
      const bytes = await fetchBytes('checkpoint')
      if (bytes === undefined) return []
      const note = Buffer.from(bytes).toString('utf8')
      parseCheckpoint(note)
      return [{ note }]
    },
    async origins() {
      const bytes = await fetchBytes('origins')
      return bytes === undefined ? [] : originsAnswer.parse(JSON.parse(Buffer.from(bytes).toString('utf8'))).origins
    },
    async leaves(n, width) {
      const bundle = await resource({ kind: 'entries', n, width })
      return bundle === undefined ? new Array(width).fill(undefined) : parseEntryBundle(bundle, width)
    },
    tile: (level, n, width) => resource({ kind: 'tile', level, n, width }),
    close() {},
  }
}

const originsAnswer = z.object({
  origins: z
    .array(z.object({ origin: z.string(), first: z.number().int().nonnegative(), after: z.string().exactOptional() }))
    .max(10_000),
})
