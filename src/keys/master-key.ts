import { createSecretKey, hkdfSync, type KeyObject, randomBytes } from 'node:crypto'
import { closeSync, fsyncSync, openSync, readdirSync, readFileSync, renameSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { errorText } from '../kernel/index.ts'
import { KeyError } from './errors.ts'

/** The one secret from which every sealing key is derived. It never leaves this object. */
export interface MasterKey {
  /** A 256-bit key for one use (HKDF-SHA-256, RFC 5869). The same `info` always gives the same key. */
  derive(info: string): KeyObject
}

/**
 * Takes the master key from `environment` (base64 of 32 bytes, the value of `SALLYPORT_MASTER_KEY`) or from
 * `master.key` in `directory`. The file is created (mode 0600) where it is absent and nothing can be sealed yet, that
 * is, where the directory holds no tenant. Throws `KeyError`.
 */
export function openMasterKey(options: { directory: string; environment?: string | undefined }): MasterKey {
  if (options.environment !== undefined && options.environment !== '') {
    return masterKeyOf(options.environment, '`SALLYPORT_MASTER_KEY`')
  }
  const file = join(options.directory, 'master.key')
  const mode = modeOf(file)
  if (mode === undefined) {
    if (holdsTenants(options.directory)) {
      throw new KeyError('master_key_missing', `\`${file}\` is missing, and the keys of the tenants are sealed with it`)
    }
    createKeyFile(file)
  } else if ((mode & 0o077) !== 0) {
    throw new KeyError('master_key_exposed', `\`${file}\` can be read by others; set its mode to 0600`)
  }
  return masterKeyOf(readKeyFile(file), `\`${file}\``)
}

function masterKeyOf(text: string, where: string): MasterKey {
  const bytes = Buffer.from(text.trim(), 'base64')
  // Buffer skips what is not base64; only the exact text of 32 bytes passes.
  if (bytes.length !== 32 || bytes.toString('base64') !== text.trim()) {
    throw new KeyError('master_key_invalid', `${where} is not the base64 text of 32 bytes`)
  }
  const master = createSecretKey(bytes)
  bytes.fill(0)
  return {
    derive: (info) => createSecretKey(Buffer.from(hkdfSync('sha256', master, '', `sallyport/v1/${info}`, 32))),
  }
}

function modeOf(file: string): number | undefined {
  try {
    return statSync(file, { throwIfNoEntry: false })?.mode
  } catch (error) {
    throw new KeyError('master_key_invalid', `\`${file}\` cannot be read: ${errorText(error)}`, { cause: error })
  }
}

function holdsTenants(directory: string): boolean {
  try {
    return readdirSync(join(directory, 'tenants')).some((name) => name.endsWith('.db'))
  } catch {
    return false
  }
}

function createKeyFile(file: string): void {
  const unfinished = `${file}.new`
  const secret = randomBytes(32)
  try {
    const descriptor = openSync(unfinished, 'w', 0o600)
    try {
      writeSync(descriptor, `${secret.toString('base64')}\n`)
      fsyncSync(descriptor)
    } finally {
      closeSync(descriptor)
    }
    // INVARIANT: `master.key` is either absent or whole; nothing is sealed before it is on disk.
    renameSync(unfinished, file)
  } catch (error) {
    throw new KeyError('master_key_invalid', `\`${file}\` cannot be written: ${errorText(error)}`, { cause: error })
  } finally {
    secret.fill(0)
  }
}

function readKeyFile(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new KeyError('master_key_invalid', `\`${file}\` cannot be read: ${errorText(error)}`, { cause: error })
  }
}
