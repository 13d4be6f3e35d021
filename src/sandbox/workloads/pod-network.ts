/** Where a pod really listens. */
export interface PodEndpoint {
  readonly host: string;
  readonly port: number;
}

const FIRST = (10 << 24) + (244 << 16);
const SIZE = 65_536;

/**
 * Pod addresses of 10.244.0.0/16, which exist only by name, and the loopback sockets behind them. Kubelet, gateway and scraper
 * of one process share one network; whoever wants to talk to a pod IP asks here for its real place.
 */
export class PodNetwork {
  readonly #endpoints = new Map<string, PodEndpoint>();
  readonly #taken = new Set<string>();
  #next = 0;

  /** Takes a free address, in turn, so that one is not used again soon after it was given back. @throws Error when all are taken */
  allocate(): string {
    for (let tries = 0; tries < SIZE; tries += 1) {
      const offset = 2 + (this.#next % (SIZE - 4));
      this.#next += 1;
      const ip = dotted(FIRST + offset);
      if (this.#taken.has(ip)) continue;
      this.#taken.add(ip);
      return ip;
    }
    throw new Error('the pod network 10.244.0.0/16 has no free address: delete some pods');
  }

  /** Gives an address back; nothing listens behind it any more. */
  release(ip: string): void {
    this.#endpoints.delete(ip);
    this.#taken.delete(ip);
  }

  /** From now on `ip` is served at `endpoint`. */
  attach(ip: string, endpoint: PodEndpoint): void {
    this.#endpoints.set(ip, endpoint);
  }

  /** Nothing listens at `ip` for now (a crashed container); the address stays taken. */
  detach(ip: string): void {
    this.#endpoints.delete(ip);
  }

  /** The real place behind a pod IP, or undefined when nothing listens: the caller treats it as a refused connection. */
  resolve(ip: string): PodEndpoint | undefined {
    return this.#endpoints.get(ip);
  }
}

function dotted(number: number): string {
  return [24, 16, 8, 0].map(shift => (number >>> shift) & 255).join('.');
}
