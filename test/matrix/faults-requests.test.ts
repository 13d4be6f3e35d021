import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { skipUnless } from '../support/binaries/availability.ts';
import { controlPlaneAvailability } from '../support/control-plane.ts';
import { isCountedWrite, isWrite, type ProxiedRequest } from '../support/fault-proxy/proxied-request.ts';
import type { ProxyFault } from '../support/fault-proxy/proxy-plan.ts';
import type { TraceEntry } from '../support/fault-proxy/trace.ts';
import { RevocableTokens } from '../support/faults/revocable-tokens.ts';
import { learnStories, type StoryJudge } from '../support/faults/run-story.ts';
import { rest, type Scene } from '../support/faults/scene.ts';
import { seeded } from '../support/faults/seeded.ts';
import { atWeight, promoteHeld, type StoryName, untilHeld } from '../support/faults/stories.ts';
import { survivalOn } from '../support/faults/survival.ts';
import type { MatrixRig } from '../support/matrix/matrix-rig.ts';
import { startMatrixRig } from '../support/matrix/matrix-rig.ts';

const OUTAGE_MS = Number(process.env.SLUICE_OUTAGE ?? 15) * 1_000;
const LONG = 240_000;
const always = { times: Number.POSITIVE_INFINITY };

describe.skipIf(skipUnless(controlPlaneAvailability()))('answers of the API server that go wrong', () => {
  let rig: MatrixRig;
  let judges: Map<StoryName, StoryJudge>;

  beforeAll(async () => {
    rig = await startMatrixRig();
    judges = await learnStories(rig, ['promote', 'abort', 'held']);
  }, 20 * 60_000);
  afterAll(async () => await rig?.stop(), 120_000);

  const survives = survivalOn(() => ({ rig, judges }));

  for (const story of ['promote', 'abort'] as const) {
    it.concurrent(`F3 a conflict on the first write of every kind: ${story}`, { timeout: LONG }, async () => {
      await survives(story, `f3-first-${story}`, async ({ proxy }) => {
        const seen = new Set<string>();
        const isFirst = (request: ProxiedRequest) => {
          const kind = `${request.verb} ${request.plural}/${request.subresource}`;
          return isCountedWrite(request) && !seen.has(kind) && seen.add(kind).size > 0;
        };
        proxy.inject({ when: isFirst, ...always, fault: { kind: 'status', status: 409 } });
      });
    });

    it.concurrent(`F3 a conflict on every second write: ${story}`, { timeout: LONG }, async () => {
      await survives(story, `f3-second-${story}`, async ({ proxy }) => {
        let count = 0;
        const isOdd = (request: ProxiedRequest) => isCountedWrite(request) && ++count % 2 === 1;
        proxy.inject({ when: isOdd, ...always, fault: { kind: 'status', status: 409 } });
      });
    });

    it.concurrent(`F3 conflicts on all writes for 10 s: ${story}`, { timeout: LONG }, async () => {
      await survives(story, `f3-all-${story}`, async scene => {
        await atWeight(scene.stage, story === 'promote' ? 20 : 60);
        await whileInForce(scene, isCountedWrite, { kind: 'status', status: 409 }, 10_000);
      });
    });

    it.concurrent(`F5 only status cannot be stored for 10 s: ${story}`, { timeout: LONG }, async () => {
      await survives(story, `f5-status-${story}`, async scene => {
        await atWeight(scene.stage, 20);
        const isStatus = (request: ProxiedRequest) => isWrite(request) && request.plural === 'rollouts';
        await whileInForce(scene, isStatus, { kind: 'status', status: 503 }, 10_000);
      });
    });

    it.concurrent(`F5 one answer in three is a 500, 503, 504 or a reset for 10 s: ${story}`, {
      timeout: LONG,
    }, async () => {
      await survives(story, `f5-burst-${story}`, async scene => {
        const random = seeded(7);
        const faults: ProxyFault[] = [500, 503, 504].map(status => ({ kind: 'status', status }));
        const rules = [...faults, { kind: 'reset' } as const].map(fault =>
          scene.proxy.inject({ when: () => random() < 0.1, ...always, fault }),
        );
        await rest(10_000);
        for (const rule of rules) rule.remove();
      });
    });

    it.concurrent(`F5 nothing is answered for ${OUTAGE_MS / 1_000} s: ${story}`, {
      timeout: LONG + 2 * OUTAGE_MS,
    }, async () => {
      const options = { longestMs: 120_000 + OUTAGE_MS };
      await survives(
        story,
        `f5-outage-${story}`,
        async scene => {
          await atWeight(scene.stage, 20);
          const outage = whileInForce(scene, () => true, { kind: 'reset' }, OUTAGE_MS);
          scene.proxy.cutConnections();
          await outage;
        },
        options,
      );
    });
  }

  it.concurrent('F4 nobody asks again before Retry-After is over', { timeout: LONG }, async () => {
    const run = await survives('promote', 'f4-writes', async scene => {
      await whileInForce(scene, isCountedWrite, { kind: 'status', status: 429, retryAfter: 3 }, 7_000);
    });
    expect(
      tooSoon(
        run.trace.entries.filter(({ request }) => isWrite(request)),
        3_000,
      ),
    ).toEqual([]);
    expect(run.trace.entries.filter(({ told }) => told === 429).length).toBeGreaterThan(1);
  });

  it.concurrent('F4 watches and lists wait for Retry-After, too', { timeout: LONG }, async () => {
    const run = await survives('promote', 'f4-watches', async scene => {
      await atWeight(scene.stage, 20);
      const busy = whileInForce(scene, isCollection, { kind: 'status', status: 429, retryAfter: 3 }, 7_000);
      for (const watch of scene.proxy.watches()) watch.cut();
      await busy;
    });
    expect(
      tooSoon(
        run.trace.entries.filter(({ request }) => isCollection(request)),
        3_000,
      ),
    ).toEqual([]);
  });

  it.concurrent('F10 a token that is replaced before it is revoked is never missed', { timeout: LONG }, async () => {
    const run = await withTokens('f10-replaced', async (scene, tokens) => {
      const next = await tokens.issue();
      writeFileSync(tokenFile(scene.namespace), next.token);
      // A token that was read is used for 10 s; the API server trusts what it has checked for as long.
      await rest(10_500);
      await tokens.revoke('first');
      await rest(10_500);
      scene.proxy.cutConnections();
    });
    expect(run.trace.entries.filter(({ told }) => told === 401)).toEqual([]);
  });

  it.concurrent('F10 the operator is back after a while without a valid token', { timeout: LONG }, async () => {
    const run = await withTokens('f10-late', async (scene, tokens) => {
      const next = await tokens.issue();
      await tokens.revoke('first');
      const isRefused = () => scene.proxy.trace.entries.some(({ told }) => told === 401);
      for (; !isRefused(); await rest(2_000)) for (const watch of scene.proxy.watches()) watch.end();
      await rest(5_000);
      writeFileSync(tokenFile(scene.namespace), next.token);
    });
    expect(run.trace.entries.some(({ told }) => told === 401)).toBe(true);
  });

  const tokenFile = (namespace: string) => join(rig.folder, `${namespace}.token`);

  /** A canary that waits for a person, with an operator whose token comes from a file. */
  async function withTokens(namespace: string, fault: (scene: Scene, tokens: RevocableTokens) => Promise<void>) {
    const tokens = await RevocableTokens.open(rig.plane.client, namespace);
    writeFileSync(tokenFile(namespace), (await tokens.issue('first')).token);
    const options = { user: { tokenFile: tokenFile(namespace) } };
    const run = await survives(
      'held',
      namespace,
      async scene => {
        await untilHeld(scene.stage);
        await fault(scene, tokens);
        await promoteHeld(scene.stage);
      },
      options,
    );
    rmSync(tokenFile(namespace));
    return run;
  }
});

/** A rule for some time. */
async function whileInForce(scene: Scene, when: (request: ProxiedRequest) => boolean, fault: ProxyFault, ms: number) {
  const rule = scene.proxy.inject({ when, ...always, fault });
  await rest(ms);
  rule.remove();
  expect(rule.hits, 'the fault has struck').toBeGreaterThan(0);
}

function isCollection({ verb }: ProxiedRequest): boolean {
  return verb === 'list' || verb === 'watch';
}

/** Requests that repeat one that was told to wait, and did not. */
function tooSoon(entries: readonly TraceEntry[], ms: number): string[] {
  return entries.flatMap(({ request, told }, index) => {
    if (told !== 429) return [];
    const again = entries
      .slice(index + 1)
      .find(one => one.request.path === request.path && one.request.verb === request.verb);
    const waited = (again?.request.at ?? Number.POSITIVE_INFINITY) - request.at;
    return waited < ms - 50 ? [`${request.verb} ${request.path} again after ${Math.round(waited)} ms`] : [];
  });
}
