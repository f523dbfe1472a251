// Preloaded into a program that would listen on every interface: whatever it listens on becomes loopback and a free
// port, and the parent process is told which.
import { Server } from 'node:net'

const listen = Server.prototype.listen

Server.prototype.listen = function listenOnLoopback(...args) {
  const done = args.findLast((argument) => typeof argument === 'function')
  this.once('listening', () => process.send?.({ port: this.address().port }))
  return listen.call(this, 0, '127.0.0.1', done)
}
