import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs'
import { ed25519Cosigner, formatVerifierKey, mlDsaCosigner, type NoteSigner } from '../../translog/index.ts'
import { CliError } from '../errors.ts'

/** The two keys of a witness: the one that every log knows, and the one that outlives quantum computers. */
export interface WitnessKeys {
  readonly signers: readonly NoteSigner[]
  /** one verifier key a line: what the logs and their auditors are given */
  readonly publicKeys: string
}

/** Opens the keys in `file` (PKCS #8, PEM), or makes them where there is no such file. `now` in milliseconds. */
export function openWitnessKeys(file: string, name: string, now: () => number): WitnessKeys {
  if (!existsSync(file)) makeKeys(file)
  const keys = [...readFileSync(file, 'utf8').matchAll(PEM)].map(([pem]) => createPrivateKey(pem))
  const [ed25519, mlDsa] = (['ed25519', 'ml-dsa-44'] as const).map((type) => {
    const found = keys.find((key) => key.asymmetricKeyType === type)
    if (found === undefined) throw new CliError('usage', `there is no ${type} key in \`${file}\``)
    return { name, privateKey: found, publicKey: createPublicKey(found) }
  })
  if (ed25519 === undefined || mlDsa === undefined) throw new CliError('usage', `there is no key in \`${file}\``)
  return {
    signers: [ed25519Cosigner(ed25519, now), mlDsaCosigner(mlDsa, now)],
    publicKeys: `${formatVerifierKey(name, 'ed25519-cosignature', ed25519.publicKey)}\n${formatVerifierKey(name, 'ml-dsa-44-cosignature', mlDsa.publicKey)}\n`,
  }
}

const PEM = /-----BEGIN PRIVATE KEY-----[^-]*-----END PRIVATE KEY-----/g

function makeKeys(file: string): void {
  const pem = (key: KeyObject) => key.export({ type: 'pkcs8', format: 'pem' })
  const text = `${pem(generateKeyPairSync('ed25519').privateKey)}${pem(generateKeyPairSync('ml-dsa-44').privateKey)}`
  const fd = openSync(file, 'wx', 0o600)
  try {
    writeSync(fd, text)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}
