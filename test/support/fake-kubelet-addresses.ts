import { findOnPath } from './binaries/find-on-path.ts';
import { runProgram } from './binaries/run-program.ts';
import { putUnderGuard } from './control-plane/guard.ts';

/** IPv4 addresses for pods. `routed` addresses can be bound and reached on this machine; the others are only names. */
export interface PodAddresses {
  readonly routed: boolean;
  /** Why the addresses are not routed. */
  readonly why: string | undefined;
  take(): string;
  giveBack(address: string): void;
  close(): Promise<void>;
}

/** 198.18.0.0/15 is set aside for benchmarks (RFC 2544), so no real network lies behind it; cut into 32 blocks of /20. */
const RANGE = '198.18.0.0/15';
const BLOCKS = 32;
const BLOCK_SIZE = 4096;
const RANGE_START = 198 * 2 ** 24 + 18 * 2 ** 16;

/** Addresses that nothing listens on, enough for tests that only look at status. */
export function namedAddresses(why?: string): PodAddresses {
  return { routed: false, why, ...pool(10 * 2 ** 24 + 210 * 2 ** 16, 65_536), close: async () => {} };
}

/**
 * Takes a free block of addresses and makes it local to the loopback device (AnyIP: `ip route add local ... dev lo`), since
 * EndpointSlices refuse 127.0.0.0/8. Needs root and `ip`; falls back to addresses that are only names and says why.
 */
export async function localAddresses(): Promise<PodAddresses> {
  // Never in the network of the machine itself: nothing of a test may be reachable, or reach, from there.
  if (process.env.SLUICE_NETWORK_NAMESPACE !== '1')
    return namedAddresses('not in a network namespace of the tests; run npm test -- e2e');
  const ip = findOnPath('ip');
  if (process.platform !== 'linux' || ip === undefined) return namedAddresses('no `ip` command (package iproute2)');
  if (process.getuid?.() !== 0) return namedAddresses('adding a local route needs root');
  const taken = await runProgram(ip, ['-4', 'route', 'show', 'to', 'root', RANGE]);
  if (taken.trim() !== '') return namedAddresses(`${RANGE} is routed elsewhere on this machine`);
  let last = '';
  for (let block = 0; block < BLOCKS; block++) {
    const start = RANGE_START + block * BLOCK_SIZE;
    const cidr = `${dotted(start)}/20`;
    try {
      await runProgram(ip, ['route', 'add', 'local', cidr, 'dev', 'lo']);
    } catch (error) {
      last = String(error);
      continue;
    }
    const release = putUnderGuard(`route ${cidr}`);
    const close = async () => {
      await runProgram(ip, ['route', 'del', 'local', cidr, 'dev', 'lo']);
      await release();
    };
    return { routed: true, why: undefined, ...pool(start, BLOCK_SIZE), close };
  }
  return namedAddresses(`no block of ${RANGE} could be added: ${last}`);
}

/** Hands out addresses in turn, so that one is not used again right after it was given back. */
function pool(start: number, size: number): Pick<PodAddresses, 'take' | 'giveBack'> {
  const used = new Set<string>();
  let next = 0;
  return {
    take: () => {
      if (used.size >= size - 2) throw new Error(`all ${size - 2} pod addresses are in use`);
      for (;;) {
        const address = dotted(start + 1 + (next++ % (size - 2)));
        if (used.has(address)) continue;
        used.add(address);
        return address;
      }
    },
    giveBack: address => void used.delete(address),
  };
}

function dotted(number: number): string {
  return [24, 16, 8, 0].map(shift => Math.floor(number / 2 ** shift) % 256).join('.');
}
