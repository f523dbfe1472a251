import { SallyportError } from '../kernel/index.ts'

export type ServerErrorCode = 'config_invalid' | 'listen_failed' | 'demo_exposed' | 'demo_unreadable' | 'folder_invalid'

export class ServerError extends SallyportError<ServerErrorCode> {}
