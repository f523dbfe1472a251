import type { Output } from './output.ts'

/** A bar on the terminal of a person; nothing where nobody looks. */
export function progressOn(output: Output): (done: number, total: number) => void {
  if (output.json || !process.stderr.isTTY) return () => {}
  return (done, total) => {
    const width = 30
    const full = total === 0 ? width : Math.round((done / total) * width)
    process.stderr.write(
      `\r[${'█'.repeat(full)}${' '.repeat(width - full)}] ${done}/${total}${done >= total ? '\n' : ''}`,
    )
  }
}
