import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import * as tls from 'node:tls';
import { selfSignedCertificate, type TestCertificate } from '../fault-certificate.ts';

/** Stands before an HTTPS server with a certificate of its own, by an authority of its own, which can be replaced. */
export class TlsFront {
  readonly #server: tls.Server;
  readonly #sockets = new Set<tls.TLSSocket>();
  #certificate = certificate();
  #next = certificate();
  /** Handshakes that clients broke off, and connections over which they then asked for nothing. */
  refused = 0;
  /** Connections over which a client asked for something, since the last change of certificates. */
  served = 0;

  private constructor(behind: string) {
    const { hostname: host, port } = new URL(behind);
    this.#server = tls.createServer(this.#certificate, socket => {
      let asks = false;
      socket.once('data', () => {
        asks = true;
        this.served += 1;
      });
      socket.once('close', () => {
        if (!asks) this.refused += 1;
      });
      // What stands behind is the test's own, in this process.
      const inner = tls.connect({ host, port: Number(port), rejectUnauthorized: false });
      for (const [from, to] of [
        [socket, inner],
        [inner, socket],
      ] as const) {
        this.#sockets.add(from);
        from.on('error', () => to.destroy());
        from.on('close', () => {
          this.#sockets.delete(from);
          to.destroy();
        });
        from.pipe(to);
      }
    });
    this.#server.on('tlsClientError', () => {
      this.refused += 1;
    });
  }

  /** @param behind `https://host:port` */
  static async before(behind: string): Promise<TlsFront> {
    const front = new TlsFront(behind);
    front.#server.listen(0, '127.0.0.1');
    await once(front.#server, 'listening');
    return front;
  }

  get url(): string {
    return `https://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The authority that the present certificate is to be checked with, PEM. */
  get authority(): string {
    return this.#certificate.cert;
  }

  /** The one that the next certificate is to be checked with. */
  get nextAuthority(): string {
    return this.#next.cert;
  }

  /** Takes the next certificate for new connections; the open ones are ended. */
  rotate(): void {
    this.#certificate = this.#next;
    this.#next = certificate();
    this.#server.setSecureContext(this.#certificate);
    this.served = 0;
    for (const socket of this.#sockets) socket.destroy();
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}

let authorities = 0;

function certificate(): TestCertificate {
  return selfSignedCertificate(`authority ${authorities++}`);
}
