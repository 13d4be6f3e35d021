import { setTimeout as sleep } from 'node:timers/promises';
import type { FaultProxy } from '../fault-proxy/fault-proxy.ts';

/** How often each thing was done to a watch. */
export type Tortures = Record<'reset' | 'ended' | 'silenced' | 'truncated' | 'expired', number>;

const LONGEST_SILENCE_MS = 700;

/** Does something bad to one open watch after the other, at random moments, until told to stop. */
export function tortureWatches(proxy: FaultProxy, random: () => number, meanPauseMs: number) {
  const done: Tortures = { reset: 0, ended: 0, silenced: 0, truncated: 0, expired: 0 };
  let going = true;
  const loop = (async () => {
    for (; going; await sleep(2 * meanPauseMs * random())) {
      const watches = proxy.watches();
      const watch = watches[Math.floor(random() * watches.length)];
      if (!watch) continue;
      const dice = random();
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
      } else {
        watch.error(410);
        done.expired += 1;
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
