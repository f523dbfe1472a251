#!/usr/bin/env node
import { CommanderError } from 'commander'
import { SallyportError } from '../kernel/index.ts'
import { sallyport } from './program.ts'
import { oneLine } from './visible.ts'

// A reader that goes away (`| head`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))

try {
  await sallyport().parseAsync(process.argv)
} catch (error) {
  process.exitCode = reportFailure(error)
}

/** One line on stderr; the exit code is 1 for a failure and 2 for a command that was called wrongly. */
function reportFailure(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2 // commander has printed its own line
  const known = error instanceof SallyportError
  process.stderr.write(`sallyport: ${oneLine(known ? error.publicMessage : `internal error: ${String(error)}`)}\n`)
  if (!known && process.env.SALLYPORT_DEBUG !== undefined && error instanceof Error)
    process.stderr.write(`${error.stack}\n`)
  return 1
}
