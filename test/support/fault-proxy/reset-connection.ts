import type { ServerResponse } from 'node:http';
import type { Server } from 'node:https';
import type { Socket } from 'node:net';

const RAW = new Map<string, Socket>();

/** Remembers the TCP sockets below the TLS sockets of a server: only those can be reset. */
export function rememberConnections(server: Server): void {
  server.on('connection', (socket: Socket) => {
    const key = nameOf(socket);
    RAW.set(key, socket);
    socket.on('error', () => undefined);
    socket.on('close', () => {
      if (RAW.get(key) === socket) RAW.delete(key);
    });
  });
}

/** Closes a connection with a RST, as a dying peer or a firewall does. */
export function resetConnection(socket: Socket | null): void {
  if (!socket || socket.destroyed) return;
  RAW.get(nameOf(socket))?.resetAndDestroy();
  socket.destroy();
}

/** {@link resetConnection} of the connection that an answer would take. */
export function resetInstead(response: ServerResponse): void {
  resetConnection(response.socket);
}

function nameOf({ localPort, remoteAddress, remotePort }: Socket): string {
  return `${localPort} ${remoteAddress} ${remotePort}`;
}
