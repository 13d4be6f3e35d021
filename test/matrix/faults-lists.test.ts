import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { skipUnless } from '../support/binaries/availability.ts';
import type { KubeObject } from '../support/control-plane/api-client.ts';
import { controlPlaneAvailability } from '../support/control-plane.ts';
import type { ProxiedRequest } from '../support/fault-proxy/proxied-request.ts';
import { type Fault, learnStories, type StoryJudge, tellUnder } from '../support/faults/run-story.ts';
import { rest, Scene } from '../support/faults/scene.ts';
import {
  atWeight,
  deliver,
  HELD,
  promoteHeld,
  STORIES,
  type StoryName,
  TRIED,
  untilHealthy,
  untilHeld,
} from '../support/faults/stories.ts';
import { survivalOn } from '../support/faults/survival.ts';
import type { MatrixRig } from '../support/matrix/matrix-rig.ts';
import { startMatrixRig } from '../support/matrix/matrix-rig.ts';

const LONG = 240_000;
const always = { times: Number.POSITIVE_INFINITY };

interface ListBody {
  metadata: { resourceVersion?: string; continue?: string };
  items: KubeObject[];
}

describe.skipIf(skipUnless(controlPlaneAvailability()))('lists that go wrong, and events that never come', () => {
  let rig: MatrixRig;
  let judges: Map<StoryName, StoryJudge>;

  beforeAll(async () => {
    rig = await startMatrixRig();
    judges = await learnStories(rig, ['promote', 'abort', 'held']);
  }, 20 * 60_000);
  afterAll(async () => await rig?.stop(), 120_000);

  const survives = survivalOn(() => ({ rig, judges }));

  /** All caches list anew at the second weight while lists are answered with these bodies. */
  function relistingWith(change: (body: ListBody) => void): Fault {
    return async scene => {
      await atWeight(scene.stage, 20);
      const body = (text: string) => rewritten(text, change);
      const rule = scene.proxy.inject({ when: isRelist, ...always, fault: { kind: 'rewrite', body } });
      for (const watch of scene.proxy.watches()) watch.error(410);
      await rest(4_000);
      rule.remove();
      expect(rule.hits).toBeGreaterThan(8);
    };
  }

  for (const story of ['promote', 'abort'] as const) {
    it.concurrent(`F7 the second page of every list has expired: ${story}`, { timeout: LONG }, async () => {
      const run = await survives(story, `f7-pages-${story}`, async scene => {
        await atWeight(scene.stage, 20);
        const { proxy } = scene;
        const fault = { kind: 'status', status: 410, reason: 'Expired' } as const;
        proxy.inject({ when: ({ query }) => query.has('continue'), ...always, fault });
        const body = (text: string) => rewritten(text, half);
        const isPaged = (request: ProxiedRequest) => isRelist(request) && request.query.has('limit');
        proxy.inject({ when: isPaged, ...always, fault: { kind: 'rewrite', body } });
        for (const watch of proxy.watches()) watch.error(410);
        await rest(4_000);
        proxy.mend();
      });
      expect(run.trace.entries.filter(({ request }) => request.query.has('continue')).length).toBeGreaterThan(8);
    });

    it.concurrent(`F7 every object is twice in the list: ${story}`, { timeout: LONG }, async () => {
      const twice = relistingWith(body => body.items.push(...structuredClone(body.items)));
      await survives(story, `f7-twice-${story}`, twice);
    });
  }

  it.concurrent('F7 a list has no resourceVersion', { timeout: LONG }, async () => {
    const none = relistingWith(body => {
      body.metadata.resourceVersion = '';
    });
    await survives('promote', 'f7-no-version', none);
  });

  it.concurrent('F7 the list of routes takes 30 s, and a revert does not wait for it', { timeout: LONG }, async () => {
    const scene = await Scene.open(rig, 'f7-slow');
    const { proxy, stage } = scene;
    await STORIES.held.prelude(stage);
    await deliver(stage, TRIED, HELD);
    await untilHeld(stage);
    const isSlow = (request: ProxiedRequest) => isRelist(request) && request.plural === 'httproutes';
    const rule = proxy.inject({ when: isSlow, fault: { kind: 'delayReply', ms: 30_000 } });
    for (const watch of proxy.watches('httproutes')) watch.error(410);
    const { request } = await rule.struck;
    await stage.command('abort now');
    await atWeight(stage, 0);
    const revertMs = performance.now() - request.at;
    console.log(`f7-slow: the traffic was back ${Math.round(revertMs)} ms after the list was asked for`);
    expect(revertMs).toBeLessThan(20_000);
    await stage.until('it is aborted and the canary has left', () => stage.is('Aborted') && stage.count('pods') === 2);
    await scene.close();
    expect(scene.died).toBe(false);
  });

  it.concurrent('F8 deletions are heard of by what a list lacks', { timeout: LONG }, async () => {
    // Its pods are gone while it has weight, so the traffic leaves it and comes again.
    const rules = /^done: |httproutes.*[gG]eneration|^traffic: shop-canary|^weights: 0 20 0 20 60 100 0 |^events/;
    await survives(
      'held',
      'f8-deleted',
      async scene => {
        await untilHeld(scene.stage);
        await whileBlind(scene, async () => {
          const canary = scene.stage.history
            .all('replicasets')
            .find(({ metadata }) => !isStableSet(scene, metadata.name));
          await rig.plane.client.delete(
            `/apis/apps/v1/namespaces/${scene.namespace}/replicasets/${canary?.metadata.name}`,
          );
          await scene.until('its pods are gone', () => scene.stage.count('pods') === 2);
        });
        await scene.until('the canary has its pod again', () => scene.stage.readyPods(TRIED) === 1);
        await promoteHeld(scene.stage);
      },
      { except: rules },
    );
  });

  it.concurrent('F8 a Rollout that was deleted and made anew between two looks is another one', {
    timeout: LONG,
  }, async () => {
    const run = await tellUnder(rig, 'held', 'f8-anew', async scene => {
      await untilHeld(scene.stage);
      const before = scene.stage.rollout?.metadata.uid;
      await whileBlind(scene, async () => {
        await scene.stage.deleteRollout();
        await scene.until('it is gone', () => scene.stage.rollout === undefined);
        await deliver(scene.stage);
      });
      await untilHealthy(scene.stage, TRIED);
      expect(scene.stage.rollout?.metadata.uid).not.toBe(before);
      const owners = scene.stage.history.all('replicasets').map(({ metadata }) => ownerOf(metadata));
      expect(new Set(owners)).toEqual(new Set([scene.stage.rollout?.metadata.uid]));
    });
    expect(run.stuck).toBeUndefined();
    expect(run.died).toBe(false);
  });

  it.concurrent('F9 the API server fails over to one that lags behind, and catches up', { timeout: LONG }, async () => {
    // What it sees may lower the weight for as long as it is old, which is told and cuts the time at 60 in two. It harms
    // nobody; a raise would.
    const limits = {
      except:
        /^end state: httproutes.*[gG]eneration|^weights: 0 20 60 20 60 100 0 |^weights: only \d+ ms at 60,|^events: WeightChanged was told [12] times/,
    };
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
    };
    await survives('promote', 'f9-stale', fault, limits);
  });
});

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

/** Does something that the operator hears of only by lists that come afterwards. */
async function whileBlind(scene: Scene, deed: () => Promise<void>): Promise<void> {
  const isLook = ({ verb }: ProxiedRequest) => verb === 'list' || verb === 'watch';
  const rule = scene.proxy.inject({ when: isLook, ...always, fault: { kind: 'status', status: 503 } });
  for (const watch of scene.proxy.watches()) watch.error(410);
  await deed();
  rule.remove();
}

function isStableSet(scene: Scene, name: string): boolean {
  const { stable } = (scene.stage.rollout?.['status'] ?? {}) as { stable?: { replicaSet?: string } };
  return stable?.replicaSet === name;
}

function ownerOf(metadata: KubeObject['metadata']): string | undefined {
  return (metadata as { ownerReferences?: { uid: string }[] }).ownerReferences?.[0]?.uid;
}
