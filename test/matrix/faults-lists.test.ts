import { expect, it } from 'vitest';
import { HASH_LABEL } from '../../src/api/names.ts';
import type { KubeObject } from '../support/control-plane/api-client.ts';
import { isCountedWrite, type ProxiedRequest } from '../support/fault-proxy/proxied-request.ts';
import { faultSuite } from '../support/faults/fault-suite.ts';
import { type Fault, tellUnder, unhandled, watching } from '../support/faults/run-story.ts';
import { rest, Scene } from '../support/faults/scene.ts';
import {
  atWeight,
  canaryWeight,
  deliver,
  HELD,
  promoteHeld,
  STORIES,
  TRIED,
  untilHealthy,
  untilHeld,
} from '../support/faults/stories.ts';
import type { Excuse } from '../support/faults/story-judge.ts';
import { CANARY_SERVICES } from '../support/matrix/canary-strategy.ts';
import { surroundings } from '../support/matrix/shop-objects.ts';
import type { Stage } from '../support/matrix/stage.ts';

const always = { times: Number.POSITIVE_INFINITY };

interface ListBody {
  metadata: { resourceVersion?: string; continue?: string };
  items: KubeObject[];
}

const MOVES_TOLD: Excuse = {
  line: /^events: WeightChanged was told 2 times \(fault-free: 0 and 0\)$/,
  because: 'a move of traffic that no step explains is told: away, and back',
};

/** `shop-1g52zsdtqtp` is the canary of every story. */
const CANARY_GONE: readonly Excuse[] = [
  {
    line: /^end state: httproutes\/shop\.(metadata\.generation|status\.parents\.0\.conditions\.[01]\.observedGeneration): [67] \(fault-free: 5\)$/,
    because: 'the traffic leaves the canary that is gone and comes to the one that is made anew: two more writes',
  },
  {
    line: /^done: replicasets\/shop-1g52zsdtqtp: created 2, deleted 1 \(fault-free: created 1, deleted 0\)$/,
    because: 'the test deletes the canary once, and the operator makes it anew once',
  },
  {
    line: /^done: pods of shop-1g52zsdtqtp: created 3, deleted 1 \(fault-free: created 2, deleted 0\)$/,
    because: 'its only pod goes with it and comes again with it',
  },
  {
    line: /^traffic: shop-canary had weight 20 and no ready endpoint at version \d+$/,
    because: 'nobody can know it before the lists are answered again',
  },
  {
    line: /^weights: 0 20 0 20 60 100 0 \(fault-free: 0 20 60 100 0\)$/,
    because: 'without pods the canary has no traffic',
  },
  MOVES_TOLD,
];

/** What the test makes anew, when it is steered as before, and what that looks like. */
const MADE_ANEW = [
  {
    plural: 'services',
    name: 'shop-canary',
    isSteered: (stage: Stage) => selectedBy(stage, 'shop-canary') !== undefined,
    excuses: [
      {
        line: /^done: services\/shop-canary: created 2, deleted 1 \(fault-free: created 1, deleted 0\)$/,
        because: 'the test deletes it once, and makes it anew once',
      },
      {
        line: /^traffic: shop-canary had weight 20 and no ready endpoint at version \d+$/,
        because: 'nobody is behind a Service that is not there',
      },
    ],
  },
  {
    plural: 'httproutes',
    name: 'shop',
    isSteered: (stage: Stage) => canaryWeight(stage) === 20,
    excuses: [
      {
        line: /^done: httproutes\/shop: created 2, deleted 1 \(fault-free: created 1, deleted 0\)$/,
        because: 'the test deletes it once, and makes it anew once',
      },
      {
        line: /^weights: 0 20 0 20 60 100 0 \(fault-free: 0 20 60 100 0\)$/,
        because: 'Git has the route at weight 0; the operator sets what the step says',
      },
      MOVES_TOLD,
    ],
  },
] as const;

faultSuite(
  'lists that go wrong, and events that never come',
  { stories: ['promote', 'abort', 'held'] },
  ({ rig, survives }) => {
    /** All caches list anew at the second weight while lists are answered with these bodies. */
    function relistingWith(change: (body: ListBody) => void): Fault {
      return async scene => {
        await atWeight(scene.stage, 20);
        const body = (text: string) => rewritten(text, change);
        const rule = scene.proxy.inject({ when: isRelist, ...always, fault: { kind: 'rewrite', body } });
        const expired = scene.strikeWatches('expired', watch => watch.error(410));
        await rest(4_000);
        rule.remove();
        expect(rule.hits).toBeGreaterThanOrEqual(expired);
      };
    }

    for (const story of ['promote', 'abort'] as const) {
      it.concurrent(`F7 the second page of every list has expired: ${story}`, async () => {
        const run = await survives(story, `f7-pages-${story}`, async scene => {
          await atWeight(scene.stage, 20);
          const { proxy } = scene;
          const fault = { kind: 'status', status: 410, reason: 'Expired' } as const;
          proxy.inject({ when: ({ query }) => query.has('continue'), ...always, fault });
          const body = (text: string) => rewritten(text, half);
          const isPaged = (request: ProxiedRequest) => isRelist(request) && request.query.has('limit');
          proxy.inject({ when: isPaged, ...always, fault: { kind: 'rewrite', body } });
          scene.strikeWatches('expired', watch => watch.error(410));
          await rest(4_000);
          proxy.mend();
        });
        expect(run.trace.entries.filter(({ request }) => request.query.has('continue')).length).toBeGreaterThan(8);
      });

      it.concurrent(`F7 every object is twice in the list: ${story}`, async () => {
        const twice = relistingWith(body => body.items.push(...structuredClone(body.items)));
        await survives(story, `f7-twice-${story}`, twice);
      });
    }

    it.concurrent('F7 a list has no resourceVersion', async () => {
      const none = relistingWith(body => {
        body.metadata.resourceVersion = '';
      });
      await survives('promote', 'f7-no-version', none);
    });

    it.concurrent('F7 the list of routes takes 30 s, and a revert neither waits for it nor is undone by what it shows', async () => {
      const scene = await Scene.open(rig(), 'f7-slow');
      const { proxy, stage } = scene;
      await STORIES.held.prelude(stage);
      await deliver(stage, TRIED, HELD);
      await untilHeld(stage);
      const isSlow = (request: ProxiedRequest) => isRelist(request) && request.plural === 'httproutes';
      const rule = proxy.inject({ when: isSlow, fault: { kind: 'delayReply', ms: 30_000 } });
      expect(proxy.watches('httproutes')).toHaveLength(1);
      for (const watch of proxy.watches('httproutes')) watch.error(410);
      const { request } = await rule.struck;
      await stage.command('abort now');
      await atWeight(stage, 0);
      const revertMs = performance.now() - request.at;
      console.log(`f7-slow: the traffic was back ${Math.round(revertMs)} ms after the list was asked for`);
      expect(revertMs).toBeLessThan(20_000);
      // What it shows is from before the revert, and it arrives after it.
      const isFollowed = ({ request: later }: { request: ProxiedRequest }) =>
        later.index > request.index && later.verb === 'watch' && later.plural === 'httproutes';
      expect(proxy.trace.entries.some(isFollowed)).toBe(false);
      const home = proxy.trace.entries.length;
      await scene.until('the late list has arrived', () => proxy.trace.entries.some(isFollowed));
      expect(performance.now() - request.at).toBeGreaterThan(29_000);
      await rest(3_000);
      await stage.until(
        'it is aborted and the canary has left',
        () => stage.is('Aborted') && stage.count('pods') === 2,
      );
      const since = proxy.trace.entries.slice(home).map(entry => entry.request);
      expect(since.filter(one => isCountedWrite(one) && one.plural === 'httproutes')).toEqual([]);
      expect(canaryWeight(stage)).toBe(0);
      expect(unhandled(scene.log())).toEqual([]);
      await scene.close();
      expect(scene.died).toBe(false);
    });

    it.concurrent('F8 deletions are heard of by what a list lacks', async () => {
      // Its pods are gone while it has weight, so the traffic leaves it and comes again.
      await survives(
        'held',
        'f8-deleted',
        async scene => {
          await untilHeld(scene.stage);
          await whileBlind(scene, 'replicasets', async () => {
            const canary = scene.stage.history
              .all('replicasets')
              .find(({ metadata }) => !isStableSet(scene, metadata.name));
            await rig().plane.client.delete(
              `/apis/apps/v1/namespaces/${scene.namespace}/replicasets/${canary?.metadata.name}`,
            );
            await scene.until('its pods are gone', () => scene.stage.count('pods') === 2);
          });
          await scene.until('the canary has its pod again', () => scene.stage.readyPods(TRIED) === 1);
          await promoteHeld(scene.stage);
        },
        { excuses: CANARY_GONE },
      );
    });

    it.concurrent('F8 a Rollout that was deleted and made anew between two looks is another one', async () => {
      const run = await tellUnder(rig(), 'held', 'f8-anew', async scene => {
        const { stage } = scene;
        await untilHeld(stage);
        const before = stage.rollout?.metadata.uid;
        await whileBlind(scene, 'rollouts', async () => {
          await stage.deleteRollout();
          await scene.until('it is gone', () => stage.rollout === undefined);
          await deliver(stage);
        });
        await untilHealthy(stage, TRIED);
        expect(stage.rollout?.metadata.uid).not.toBe(before);
        const owners = stage.history.all('replicasets').map(({ metadata }) => ownerOf(metadata));
        expect(new Set(owners)).toEqual(new Set([stage.rollout?.metadata.uid]));
        // It has no past: neither steps that were passed nor a revision to return to.
        const { history = [] } = (stage.rollout?.['status'] ?? {}) as { history?: { outcome?: string }[] };
        expect(history.map(({ outcome }) => outcome)).toEqual(['FirstDeploy']);
      });
      expect(run.struck).toBe(true);
      expect(run.stuck).toBeUndefined();
      expect(run.died).toBe(false);
      expect(unhandled(run.log)).toEqual([]);
      // No trial, no weight but the one that the old one left behind.
      expect(run.traffic.dwells.map(({ weight }) => weight)).toEqual([0, 20, 0]);
    });

    for (const { plural, name, isSteered, excuses } of MADE_ANEW)
      it.concurrent(`F8 ${plural}/${name}, deleted and made anew between two looks, is steered as before`, async () => {
        const anew: Fault = async scene => {
          const { stage } = scene;
          await untilHeld(stage);
          const before = stage.history.get(plural, name)?.metadata.uid;
          const declared = surroundings(CANARY_SERVICES, true).filter(
            one => one.plural === plural && one.object.metadata.name === name,
          );
          await whileBlind(scene, plural, async () => {
            for (const { root } of declared)
              await rig().plane.client.delete(`${root}/namespaces/${scene.namespace}/${plural}/${name}`);
            await stage.apply(declared);
            const isOther = () => ![undefined, before].includes(stage.history.get(plural, name)?.metadata.uid);
            await scene.until('it is another one', isOther);
            const isServed = () => plural !== 'services' || readyBehind(stage, name) === 3;
            await scene.until('all pods are behind it', isServed);
          });
          await scene.until('it is steered', () => isSteered(stage));
          await promoteHeld(stage);
        };
        await survives('held', `f8-anew-${plural}`, anew, { excuses });
      });

    it.concurrent('F9 the API server fails over to one that lags behind, and catches up', async () => {
      const fault410 = { kind: 'status', status: 410, reason: 'Expired' } as const;
      const fault: Fault = async scene => {
        await atWeight(scene.stage, 20);
        const view = scene.proxy.snapshot();
        await atWeight(scene.stage, 60);
        const refused = new Set<string>();
        const isFirst = ({ verb, path }: ProxiedRequest) =>
          verb === 'watch' && !refused.has(path) && refused.add(path).size > 0;
        scene.proxy.inject({ when: isFirst, ...always, fault: fault410 });
        scene.proxy.serveStale(view);
        await rest(6_000);
        scene.proxy.mend();
        const stale = scene.proxy.trace.entries.filter(entry => entry.fault === 'stale list');
        const told = new Set(stale.map(({ request }) => request.plural));
        expect([...told], 'old lists were served').toEqual(
          expect.arrayContaining(['rollouts', 'replicasets', 'httproutes']),
        );
      };
      // By the old state the canary is at its first step: the weight may be lowered. That harms nobody; a raise would.
      await survives('promote', 'f9-stale', fault, { mayDip: true, excuses: [MOVES_TOLD] });
    });
  },
);

/** Lists for caches; pods are looked at live. */
function isRelist({ verb, plural }: ProxiedRequest): boolean {
  return verb === 'list' && plural !== 'pods';
}

function rewritten(text: string, change: (body: ListBody) => void): string {
  const body = JSON.parse(text) as ListBody;
  change(body);
  return JSON.stringify(body);
}

/** Only the first half of a list, which says that there is more. */
function half(body: ListBody): void {
  body.items.length = Math.ceil(body.items.length / 2);
  body.metadata.continue = 'the-rest';
}

/** Does something that the operator hears of only by lists that come afterwards: it sees no deletion of that kind. */
async function whileBlind(scene: Scene, plural: string, deed: () => Promise<void>): Promise<void> {
  const { proxy } = scene;
  const isLook = ({ verb }: ProxiedRequest) => verb === 'list' || verb === 'watch';
  const rule = proxy.inject({ when: isLook, ...always, fault: { kind: 'status', status: 503 } });
  const blinded = scene.strikeWatches('expired', watch => watch.error(410));
  await scene.until('every cache has been refused a list', () => rule.hits >= blinded);
  const from = proxy.trace.events.length;
  await deed();
  rule.remove();
  await watching(scene);
  const seen = proxy.trace.events.slice(from).filter(event => event.type === 'DELETED' && event.plural === plural);
  expect(seen.map(({ object }) => object.metadata.name)).toEqual([]);
}

function isStableSet(scene: Scene, name: string): boolean {
  const { stable } = (scene.stage.rollout?.['status'] ?? {}) as { stable?: { replicaSet?: string } };
  return stable?.replicaSet === name;
}

/** The revision that the selector of a Service asks for. */
function selectedBy({ history }: Stage, service: string): string | undefined {
  const { selector } = (history.get('services', service)?.['spec'] ?? {}) as { selector?: Record<string, string> };
  return selector?.[HASH_LABEL];
}

/** Ready endpoints behind the Service of a name that there is now. */
function readyBehind({ history }: Stage, service: string): number {
  const uid = history.get('services', service)?.metadata.uid;
  const slices = history.all('endpointslices').filter(({ metadata }) => ownerOf(metadata) === uid);
  const endpoints = slices.flatMap(slice => (slice['endpoints'] ?? []) as { conditions?: { ready?: boolean } }[]);
  return endpoints.filter(({ conditions }) => conditions?.ready === true).length;
}

function ownerOf(metadata: KubeObject['metadata']): string | undefined {
  return (metadata as { ownerReferences?: { uid: string }[] }).ownerReferences?.[0]?.uid;
}
