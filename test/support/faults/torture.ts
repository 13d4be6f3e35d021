import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiClient } from '../control-plane/api-client.ts';
import type { AuditEntry } from '../control-plane/audit-log.ts';
import type { FaultProxy } from '../fault-proxy/fault-proxy.ts';
import type { ProxiedRequest } from '../fault-proxy/proxied-request.ts';

/** How often each thing was done to a watch. */
export type Tortures = Record<
  'reset' | 'ended' | 'silenced' | 'truncated' | 'expired' | 'outdated' | 'compacted',
  number
>;

/** For so long the API server lets a watch live; the operator itself asks for five minutes. */
const WATCH_S = 5;

const LONGEST_SILENCE_MS = 700;
const LONG_GONE = '1';
/** Of kinds that were declared later than that the API server has no history so old; of the others it may have. */
const DECLARED = /^\/apis\/(sluice\.dev|gateway\.networking\.k8s\.io)\//;
/** A kind whose watches come from etcd itself, which is compacted every ten seconds: what it had longer ago is gone. */
const UNCACHED = 'controllerrevisions';
const COMPACTED = 'The resourceVersion for the provided watch is too old.';
const COMPACTED_MS = 60_000;

/** Flags of an API server that really ends watches in good time, and really forgets. */
export const FORGETFUL_SERVER = [
  '--min-request-timeout=5',
  '--etcd-compaction-interval=10s',
  `--watch-cache-sizes=${UNCACHED}.apps#0`,
] as const;

/** Does something bad to one open watch after the other, at random moments, until told to stop. */
export function tortureWatches(proxy: FaultProxy, random: () => number, meanPauseMs: number) {
  const done: Tortures = { reset: 0, ended: 0, silenced: 0, truncated: 0, expired: 0, outdated: 0, compacted: 0 };
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
      const fits = ({ path, plural }: ProxiedRequest) =>
        dice < 0.87 || (dice < 0.92 ? DECLARED.test(path) : plural === UNCACHED);
      const watches = proxy.watches().filter(({ request }) => fits(request));
      const watch = watches[Math.floor(random() * watches.length)];
      if (!watch) continue;
      if (dice < 0.35) {
        watch.cut();
        done.reset += 1;
      } else if (dice < 0.55) {
        watch.end();
        done.ended += 1;
      } else if (dice < 0.72) {
        watch.freeze();
        setTimeout(() => watch.thaw(), LONGEST_SILENCE_MS * random());
        done.silenced += 1;
      } else if (dice < 0.82) {
        watch.truncateNext();
        done.truncated += 1;
      } else if (dice < 0.87) {
        watch.error(410);
        done.expired += 1;
      } else {
        outdated.add(watch.request.path);
        watch.cut();
        done[dice < 0.92 ? 'outdated' : 'compacted'] += 1;
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
  /** Versions that it had no more, as it says whenever it is asked for them: a list came next. */
  readonly expired: number;
  /** Those of them that etcd had no more, since it had been compacted. */
  readonly compacted: number;
}

/** Counts the ends of watches that nobody but the API server made. */
export async function realEnds(proxy: FaultProxy, audit: readonly AuditEntry[], client: ApiClient): Promise<RealEnds> {
  const asked = proxy.trace.entries.map(({ request }) => request);
  const isGone = ({ verb, query }: ProxiedRequest) => verb === 'watch' && query.get('resourceVersion') === LONG_GONE;
  const next = (of: ProxiedRequest) => asked.find(({ index, path }) => index > of.index && path === of.path);
  const isOver = ({ verb, uri, atMs, doneMs }: AuditEntry) =>
    verb === 'watch' && uri.includes(`timeoutSeconds=${WATCH_S}`) && doneMs - atMs >= WATCH_S * 1_000;
  const refusals: string[] = [];
  for (const request of asked.filter(isGone).filter(one => next(one)?.verb === 'list'))
    refusals.push((await refusalOf(client, `${request.path}?${request.query}`)) ?? 'none');
  return {
    timeouts: audit.filter(isOver).length,
    expired: refusals.filter(message => message !== 'none').length,
    compacted: refusals.filter(message => message === COMPACTED).length,
  };
}

/** Waits until the first versions of all are compacted away: until then a watch from there would tell old states anew. */
export async function untilCompacted(client: ApiClient, namespace: string): Promise<void> {
  const query = `watch=true&resourceVersion=${LONG_GONE}&timeoutSeconds=1`;
  const path = `/apis/apps/v1/namespaces/${namespace}/${UNCACHED}?${query}`;
  const isCompacted = async () => (await refusalOf(client, path)) === COMPACTED;
  for (const deadline = performance.now() + COMPACTED_MS; !(await isCompacted()); await sleep(200))
    if (performance.now() > deadline) throw new Error('etcd is not compacted');
}

/** What the API server says when a watch begins at a version that it has no more; undefined when it has it. */
async function refusalOf(client: ApiClient, path: string): Promise<string | undefined> {
  const line = await client.call('GET', path).catch(() => undefined);
  const { type, object } = (line ?? {}) as { type?: string; object?: { code?: number; message?: string } };
  return type === 'ERROR' && object?.code === 410 ? object.message : undefined;
}
