import { type AddressInfo, connect, createServer, type ListenOptions, type NetConnectOpts } from 'node:net';

/** A running relay. */
export interface Relay {
  /** TCP port; 0 on a Unix socket. */
  readonly port: number;
  close(): void;
}

/** Passes every connection on, byte by byte: TLS goes through untouched. */
export async function startRelay(at: ListenOptions, to: NetConnectOpts): Promise<Relay> {
  const server = createServer(inside => {
    const outside = connect(to);
    inside.pipe(outside).pipe(inside);
    const end = () => {
      inside.destroy();
      outside.destroy();
    };
    inside.on('error', end);
    outside.on('error', end);
  });
  await new Promise<void>(resolve => server.listen(at, resolve));
  const address = server.address() as AddressInfo | string;
  return { port: typeof address === 'string' ? 0 : address.port, close: () => void server.close() };
}
