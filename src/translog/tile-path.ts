/** Hashes in a full tile, entries in a full bundle (C2SP tlog-tiles). */
export const TILE_WIDTH = 256

/** What a path below a log's prefix names. `width` is 256 for a full tile or bundle. */
export type TilePath =
  | { readonly kind: 'tile'; readonly level: number; readonly n: number; readonly width: number }
  | { readonly kind: 'entries'; readonly n: number; readonly width: number }

/** `tile/<L>/<N>[.p/<W>]`, or `tile/entries/<N>[.p/<W>]`; index 1234067 becomes `x001/x234/067`. */
export function formatTilePath(path: TilePath): string {
  const folder = path.kind === 'entries' ? 'entries' : String(path.level)
  const suffix = path.width === TILE_WIDTH ? '' : `.p/${path.width}`
  return `tile/${folder}/${formatIndex(path.n)}${suffix}`
}

/** `undefined` for everything but the one spelling that the specification allows. */
export function parseTilePath(text: string): TilePath | undefined {
  const match = TILE_PATH.exec(text)
  if (match === null) return undefined
  const [, folder = '', index = '', partial] = match
  const n = Number(index.replaceAll(/[x/]/g, ''))
  const width = partial === undefined ? TILE_WIDTH : Number(partial)
  if (!Number.isSafeInteger(n) || formatIndex(n) !== index || width > TILE_WIDTH) return undefined
  if (partial !== undefined && width >= TILE_WIDTH) return undefined
  if (folder === 'entries') return { kind: 'entries', n, width }
  const level = Number(folder)
  return level > 63 ? undefined : { kind: 'tile', level, n, width }
}

/** How many hashes the tile `n` of `level` holds in a tree of `size` leaves; 0 where it does not exist. */
export function tileWidth(level: number, n: number, size: number): number {
  const hashes = Math.floor(size / TILE_WIDTH ** level) - n * TILE_WIDTH
  return Math.max(0, Math.min(TILE_WIDTH, hashes))
}

const TILE_PATH = /^tile\/(0|[1-9]\d?|entries)\/((?:x\d{3}\/){0,5}\d{3})(?:\.p\/([1-9]\d{0,2}))?$/

function formatIndex(n: number): string {
  let text = String(n % 1000).padStart(3, '0')
  for (let rest = Math.floor(n / 1000); rest > 0; rest = Math.floor(rest / 1000)) {
    text = `x${String(rest % 1000).padStart(3, '0')}/${text}`
  }
  return text
}
