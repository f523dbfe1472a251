import { spawn } from 'node:child_process'

/** A command of a page and the output that the page shows below it. */
export interface ShownCommand {
  readonly command: string
  readonly output: readonly string[]
  /** Of the command, counted from 1. */
  readonly line: number
}

/** The commands of all blocks marked `console`: lines that begin with `$ `, each with what follows it. */
export function consoleBlocks(page: string): readonly ShownCommand[] {
  const found: { command: string; output: string[]; line: number }[] = []
  let inside = false
  for (const [index, text] of page.split('\n').entries()) {
    if (text.startsWith('```')) inside = text === '```console'
    else if (inside && text.startsWith('$ ')) found.push({ command: text.slice(2), output: [], line: index + 1 })
    else if (inside) found.at(-1)?.output.push(text)
  }
  return found
}

/** Runs the commands one after the other in one shell, as a reader would, and returns what each of them printed. */
export async function runInOneShell(
  commands: readonly string[],
  options: { readonly cwd: string; readonly env: NodeJS.ProcessEnv },
): Promise<readonly string[]> {
  const mark = `--- ${process.pid} end of command ---`
  const shell = spawn('bash', ['--norc', '--noprofile'], { ...options, stdio: ['pipe', 'pipe', 'pipe'] })
  let text = ''
  shell.stdout.setEncoding('utf8').on('data', (part: string) => {
    text += part
  })
  shell.stdin.end(`exec 2>&1\n${commands.map((command) => `${command}\necho; echo '${mark}'\n`).join('')}`)
  await new Promise((resolve) => shell.once('close', resolve))
  return text.split(`\n${mark}\n`).slice(0, commands.length)
}

/** Whether `actual` is what is shown. `…` stands for anything in a line, and alone in a line for any number of lines. */
export function isAsShown(shown: readonly string[], actual: string): boolean {
  const parts = shown.map((line) =>
    line.trim() === '…' ? '(?:.*\n)*?' : `${line.trimEnd().split('…').map(escaped).join('.*')} *\n`,
  )
  return new RegExp(`^${parts.join('')}$`).test(actual.trim() === '' ? '' : `${actual.trimEnd()}\n`)
}

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
}
