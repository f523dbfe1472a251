import { SallyportError } from '../kernel/index.ts'

export type ServerErrorCode = 'config_invalid' | 'listen_failed' | 'demo_exposed' | 'demo_unreadable'

export class ServerError extends SallyportError<ServerErrorCode> {}
