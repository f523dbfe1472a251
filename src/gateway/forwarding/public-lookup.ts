import { type LookupAddress, type LookupOptions, lookup } from 'node:dns'
import { BlockList, isIP } from 'node:net'

// Addresses that no upstream has, and where clouds keep the credentials of a machine: nobody configures these, but a
// name can point there. Private addresses are fine: a model server of one's own stands on one.
const REFUSED = new BlockList()
REFUSED.addSubnet('169.254.0.0', 16, 'ipv4')
REFUSED.addSubnet('0.0.0.0', 8, 'ipv4')
REFUSED.addSubnet('224.0.0.0', 3, 'ipv4')
REFUSED.addAddress('100.100.100.200', 'ipv4')
REFUSED.addAddress('168.63.129.16', 'ipv4')
REFUSED.addAddress('192.0.0.192', 'ipv4')
REFUSED.addSubnet('fe80::', 10, 'ipv6')
REFUSED.addSubnet('ff00::', 8, 'ipv6')
REFUSED.addAddress('::', 'ipv6')
REFUSED.addAddress('fd00:ec2::254', 'ipv6')
// 169.254.0.0/16 again, by way of NAT64 (RFC 6052), 6to4 (RFC 3056) and as RFC 4291 §2.5.5.1 once wrote it.
REFUSED.addSubnet('64:ff9b::a9fe:0', 112, 'ipv6')
REFUSED.addSubnet('2002:a9fe::', 32, 'ipv6')
REFUSED.addSubnet('::a9fe:0', 112, 'ipv6')

/** Whether a host, as it stands in a URL, is an address where no upstream can be. Names are looked at when they resolve. */
export function isRefusedAddress(host: string): boolean {
  const address = host.replace(/^\[|\]$/g, '')
  const family = isIP(address)
  return family !== 0 && REFUSED.check(address, family === 4 ? 'ipv4' : 'ipv6')
}

/** `dns.lookup` for sockets, without addresses where no upstream can be. */
export function publicLookup(
  hostname: string,
  options: LookupOptions,
  callback: (
    error: NodeJS.ErrnoException | null,
    address: string | LookupAddress[],
    family?: number | undefined,
  ) => void,
): void {
  lookup(hostname, { ...options, all: true }, (error, addresses) => {
    if (error !== null) return callback(error, [])
    const usable = addresses.filter(({ address }) => !isRefusedAddress(address))
    const first = usable[0]
    if (first === undefined) {
      const refused: NodeJS.ErrnoException = new Error(`${hostname} has no address where an upstream can be`)
      refused.code = 'EACCES'
      return callback(refused, [])
    }
    if (options.all === true) callback(null, usable)
    else callback(null, first.address, first.family)
  })
}
