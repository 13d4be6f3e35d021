import { setTimeout as sleep } from 'node:timers/promises';
import type { AuditEntry } from '../control-plane/audit-log.ts';
import type { FaultProxy } from '../fault-proxy/fault-proxy.ts';
import type { ProxiedRequest } from '../fault-proxy/proxied-request.ts';

/** How often each thing was done to a watch. */
export type Tortures = Record<'reset' | 'ended' | 'silenced' | 'truncated' | 'expired' | 'outdated', number>;

/** For so long the API server lets a watch live; the operator itself asks for five minutes. */
const WATCH_S = 5;

const LONGEST_SILENCE_MS = 700;
/** Of kinds that were declared later than that there is no history so old; of the others there may be. */
const LONG_GONE = '1';
const DECLARED = /^\/apis\/(sluice\.dev|gateway\.networking\.k8s\.io)\//;

/** Does something bad to one open watch after the other, at random moments, until told to stop. */
export function tortureWatches(proxy: FaultProxy, random: () => number, meanPauseMs: number) {
  const done: Tortures = { reset: 0, ended: 0, silenced: 0, truncated: 0, expired: 0, outdated: 0 };
  const outdated = new Set<string>();
  // Asked in the operator's name, the API server itself ends watches in good time, and says which versions it has no more.
  const askOtherwise = ({ verb, path, query }: ProxiedRequest) => {
    if (verb !== 'watch') return false;
    query.set('timeoutSeconds', String(WATCH_S));
    if (outdated.delete(path)) query.set('resourceVersion', LONG_GONE);
    return false;
  };
  proxy.inject({ when: askOtherwise, fault: { kind: 'reset' } });
  let going = true;
  const loop = (async () => {
    for (; going; await sleep(2 * meanPauseMs * random())) {
      const dice = random();
      const isOutdating = dice >= 0.95;
      const watches = proxy.watches().filter(({ request }) => !isOutdating || DECLARED.test(request.path));
      const watch = watches[Math.floor(random() * watches.length)];
      if (!watch) continue;
      if (dice < 0.35) {
        watch.cut();
        done.reset += 1;
      } else if (dice < 0.55) {
        watch.end();
        done.ended += 1;
      } else if (dice < 0.75) {
        watch.freeze();
        setTimeout(() => watch.thaw(), LONGEST_SILENCE_MS * random());
        done.silenced += 1;
      } else if (dice < 0.9) {
        watch.truncateNext();
        done.truncated += 1;
      } else if (!isOutdating) {
        watch.error(410);
        done.expired += 1;
      } else {
        outdated.add(watch.request.path);
        watch.cut();
        done.outdated += 1;
      }
    }
  })();
  return {
    done,
    stop: async () => {
      going = false;
      await loop;
      proxy.mend();
    },
  };
}

/** How often the API server itself has ended what was asked for. */
export interface RealEnds {
  /** Watches whose time was over. */
  readonly timeouts: number;
  /** Versions that it had no more: a list came next. */
  readonly expired: number;
}

/** Counts the ends of watches that nobody but the API server made. */
export function realEnds(proxy: FaultProxy, audit: readonly AuditEntry[]): RealEnds {
  const asked = proxy.trace.entries.map(({ request }) => request);
  const isGone = ({ verb, query }: ProxiedRequest) => verb === 'watch' && query.get('resourceVersion') === LONG_GONE;
  const next = (of: ProxiedRequest) => asked.find(({ index, path }) => index > of.index && path === of.path);
  const isOver = ({ verb, uri, atMs, doneMs }: AuditEntry) =>
    verb === 'watch' && uri.includes(`timeoutSeconds=${WATCH_S}`) && doneMs - atMs >= WATCH_S * 1_000;
  return {
    timeouts: audit.filter(isOver).length,
    expired: asked.filter(isGone).filter(request => next(request)?.verb === 'list').length,
  };
}
