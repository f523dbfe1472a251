import { constants } from 'node:fs'
import { type FileHandle, mkdir, open, realpath } from 'node:fs/promises'
import { dirname, join, sep } from 'node:path'
import { AuditError } from '../errors.ts'
import type { Deliver } from './deliver.ts'

/**
 * Appends events to a file below `directory`, one JSON object a line. The file is opened for each batch, so it may be
 * rotated by renaming it. INVARIANT: what was reported as delivered is on the disk.
 */
export function ocsfFile(directory: string, path: string): Deliver {
  const file = join(directory, path)
  return {
    async send(batch) {
      const lines = batch.map(({ event }) => `${JSON.stringify(event)}\n`).join('')
      await mkdir(dirname(file), { recursive: true, mode: 0o700 })
      await checkInside(directory, dirname(file))
      const handle = await open(file, APPEND, 0o600)
      try {
        await cutTornLine(handle)
        await handle.appendFile(lines)
        await handle.datasync()
      } finally {
        await handle.close()
      }
      return {}
    },
    async close() {},
  }
}

// O_NOFOLLOW: a link that somebody put in the place of the file leads nowhere.
const APPEND = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW

async function checkInside(directory: string, parent: string): Promise<void> {
  const [root, real] = await Promise.all([realpath(directory), realpath(parent)])
  if (real !== root && !real.startsWith(root + sep)) {
    throw new AuditError('export_failed', 'the file is not below the directory of exports')
  }
}

const CHUNK = 64 * 1024

/** Takes away the part of a line that a crash left at the end. Its record was not acknowledged and comes again. */
async function cutTornLine(handle: FileHandle): Promise<void> {
  const { size } = await handle.stat()
  const buffer = Buffer.alloc(CHUNK)
  for (let end = size; end > 0; ) {
    const start = Math.max(0, end - CHUNK)
    const { bytesRead } = await handle.read(buffer, 0, end - start, start)
    const newline = buffer.subarray(0, bytesRead).lastIndexOf(0x0a)
    if (newline >= 0) {
      if (start + newline + 1 < size) await handle.truncate(start + newline + 1)
      return
    }
    end = start
  }
  if (size > 0) await handle.truncate(0)
}
