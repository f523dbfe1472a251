import { SallyportError } from '../kernel/index.ts'

export type AccessErrorCode = 'policies_invalid' | 'settings_invalid' | 'resources_invalid'

export class AccessError extends SallyportError<AccessErrorCode> {}
