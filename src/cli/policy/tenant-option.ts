import { InvalidArgumentError, Option } from 'commander'
import { parseTenantId, type TenantId } from '../../kernel/index.ts'

/** Whose folder it is; roles without a place are grants on the tenant, so its name matters. */
export function tenantOption(): Option {
  return new Option('--tenant <name>', 'the tenant that the manifests are for')
    .default('demo')
    .argParser((name): TenantId => {
      const tenant = parseTenantId(name)
      if (tenant === undefined) throw new InvalidArgumentError('a tenant is named by small letters, digits and `-`')
      return tenant
    })
}
