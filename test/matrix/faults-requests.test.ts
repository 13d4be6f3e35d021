import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { isCountedWrite, isWrite, type ProxiedRequest } from '../support/fault-proxy/proxied-request.ts';
import type { ProxyFault } from '../support/fault-proxy/proxy-plan.ts';
import type { TraceEntry } from '../support/fault-proxy/trace.ts';
import { faultSuite } from '../support/faults/fault-suite.ts';
import { RevocableTokens } from '../support/faults/revocable-tokens.ts';
import type { Fault } from '../support/faults/run-story.ts';
import { rest, Scene, type SceneOptions } from '../support/faults/scene.ts';
import { seeded } from '../support/faults/seeded.ts';
import {
  atWeight,
  deliver,
  deployStable,
  HELD,
  promoteHeld,
  TRIED,
  untilDoomed,
  untilHeld,
} from '../support/faults/stories.ts';
import type { Excuse, Limits } from '../support/faults/story-judge.ts';
import { LATE_MS } from '../support/faults/terms.ts';
import { TlsFront } from '../support/faults/tls-front.ts';

const OUTAGE_S = Number(process.env.SLUICE_OUTAGE ?? 20);
const OUTAGE_MS = OUTAGE_S * 1_000;
const FAULT_MS = 240_000;
/** Until it is stored that the analysis has begun; then nothing is to be written until the verdict. */
const QUIET_MS = 500;
const RETRY_AFTER_MS = 3_000;
const TOLD_TO_WAIT = { kind: 'status', status: 429, retryAfter: RETRY_AFTER_MS / 1_000 } as const;
/** In a JSON patch of a route: no weight for the canary. */
const GOES_HOME = '/1/weight","value":0}';
const UNSTORED_STEP: Excuse = {
  line: /^events: StepCompleted was told 1 times \(fault-free: 2 and 2\)$/,
  because: 'the verdict at the second weight may come before the step that led there could be stored',
};
const always = { times: Number.POSITIVE_INFINITY };

faultSuite(
  'answers of the API server that go wrong',
  { stories: ['promote', 'abort', 'held', 'doomed'] },
  ({ rig, survives }) => {
    for (const story of ['promote', 'abort'] as const) {
      const limits = story === 'abort' ? { excuses: [UNSTORED_STEP] } : {};
      const survivesIt = (name: string, fault: Fault, more: SceneOptions & Limits = {}) =>
        survives(story, `${name}-${story}`, fault, { ...limits, ...more });

      it.concurrent(`F3 a conflict on the first write of every kind: ${story}`, async () => {
        const conflict: Fault = async ({ proxy }) => {
          const seen = new Set<string>();
          const isFirst = (request: ProxiedRequest) => {
            const kind = `${request.verb} ${request.plural}/${request.subresource}`;
            return isCountedWrite(request) && !seen.has(kind) && seen.add(kind).size > 0;
          };
          proxy.inject({ when: isFirst, ...always, fault: { kind: 'status', status: 409 } });
        };
        const run = await survivesIt('f3-first', conflict, { lateMs: LATE_MS.atOnce });
        // Sets are created and scaled, the route and the status are written, at the least.
        expect(run.strikes.length).toBeGreaterThanOrEqual(4);
      });

      it.concurrent(`F3 a conflict on every second write: ${story}`, async () => {
        const conflicts: Fault = async ({ proxy }) => {
          let count = 0;
          const isOdd = (request: ProxiedRequest) => isCountedWrite(request) && ++count % 2 === 1;
          proxy.inject({ when: isOdd, ...always, fault: { kind: 'status', status: 409 } });
        };
        const run = await survivesIt('f3-second', conflicts, { lateMs: LATE_MS.atOnce });
        expect(run.strikes.length).toBeGreaterThanOrEqual(6);
      });

      it.concurrent(`F3 conflicts on all writes for 10 s: ${story}`, async () => {
        await survivesIt('f3-all', async scene => {
          await atWeight(scene.stage, story === 'promote' ? 20 : 60);
          await whileInForce(scene, isCountedWrite, { kind: 'status', status: 409 }, 10_000);
        });
      });

      it.concurrent(`F5 only status cannot be stored for 10 s: ${story}`, async () => {
        await survivesIt('f5-status', async scene => {
          await atWeight(scene.stage, 20);
          await whileInForce(scene, isStatus, { kind: 'status', status: 503 }, 10_000);
        });
      });

      it.concurrent(`F5 one answer in three is a 500, 503, 504 or a reset for 10 s: ${story}`, async () => {
        await survivesIt('f5-burst', async scene => {
          const kinds: ProxyFault[] = [
            ...[500, 503, 504].map(status => ({ kind: 'status', status }) as const),
            { kind: 'reset' },
          ];
          const kindOf = oneInThree(seeded(7), kinds.length);
          const rules = kinds.map((fault, nth) =>
            scene.proxy.inject({ when: request => kindOf(request) === nth, ...always, fault }),
          );
          await rest(10_000);
          // On a busy machine the story may have hardly begun by then.
          await scene.until('each kind of fault has struck', () => rules.every(({ hits }) => hits > 0));
          for (const rule of rules) rule.remove();
        });
      });

      it.concurrent(`F5 nothing is answered for ${OUTAGE_S} s, or for as many as SLUICE_OUTAGE says: ${story}`, {
        timeout: FAULT_MS + 2 * OUTAGE_MS,
      }, async () => {
        const options = { longestMs: 120_000 + OUTAGE_MS };
        await survivesIt(
          'f5-outage',
          async scene => {
            await atWeight(scene.stage, 20);
            await outage(scene);
          },
          options,
        );
      });
    }

    it.concurrent('F5 only status cannot be stored when the verdict comes: users go home all the same', async () => {
      let homeMs = Number.POSITIVE_INFINITY;
      const fault: Fault = async scene => {
        await untilDoomed(scene.stage);
        await rest(QUIET_MS);
        const at = performance.now();
        const goHome = atWeight(scene.stage, 0).then(() => {
          homeMs = performance.now() - at;
        });
        await Promise.all([goHome, whileInForce(scene, isStatus, { kind: 'status', status: 503 }, 12_000)]);
      };
      await survives('doomed', 'f5-status-verdict', fault, { lateMs: LATE_MS.atOnce, routeIsFree: true });
      expect(homeMs).toBeLessThan(12_000);
    });

    it.concurrent(`F5 nothing is answered for ${OUTAGE_S} s in which the verdict comes`, {
      timeout: FAULT_MS + 2 * OUTAGE_MS,
    }, async () => {
      const fault: Fault = async scene => {
        await untilDoomed(scene.stage);
        await outage(scene);
      };
      const run = await survives('doomed', 'f5-outage-verdict', fault, { longestMs: 120_000 + OUTAGE_MS });
      const measured = run.trace.entries.filter(({ request }) => isWrite(request) && isOfRun(request));
      expect(
        measured.some(entry => entry.fault === 'reset'),
        'the verdict met the outage',
      ).toBe(true);
    });

    it.concurrent('F4 nobody asks again before Retry-After is over', async () => {
      const run = await survives('promote', 'f4-writes', async scene => {
        await whileInForce(scene, isCountedWrite, TOLD_TO_WAIT, 7_000);
      });
      const writes = run.trace.entries.filter(({ request }) => isWrite(request));
      expect(tooSoon(writes, RETRY_AFTER_MS)).toEqual([]);
      expect(writes.filter(({ told }) => told === 429).length).toBeGreaterThan(1);
    });

    it.concurrent('F4 a verdict waits for Retry-After until it is stored, and then for nothing', async () => {
      const fault: Fault = async scene => {
        await untilDoomed(scene.stage);
        await rest(QUIET_MS);
        await whileInForce(scene, isCountedWrite, TOLD_TO_WAIT, 12_000);
      };
      const run = await survives('doomed', 'f4-verdict', fault, { lateMs: RETRY_AFTER_MS + LATE_MS.atOnce });
      const writes = run.trace.entries.filter(({ request }) => isWrite(request));
      const verdicts = writes.filter(({ request }) => isOfRun(request) && request.subresource === 'status');
      expect(
        verdicts.some(({ told }) => told === 429),
        'the verdict was told to wait',
      ).toBe(true);
      const { answeredAt = Number.NaN } = verdicts.find(({ changed }) => changed === true) ?? {};
      const before = writes.filter(({ request }) => request.at < answeredAt);
      expect(tooSoon(before, RETRY_AFTER_MS)).toEqual([]);
      const home = writes.find(({ request }) => isGoingHome(request));
      expect((home?.request.at ?? Number.NaN) - answeredAt).toBeLessThan(1_500);
    });

    it.concurrent('F4 users wait for the Retry-After of their route once, and it is not asked again and again', async () => {
      const retryAfter = 5;
      const fault: Fault = async ({ proxy }) => {
        proxy.inject({ when: isGoingHome, fault: { ...TOLD_TO_WAIT, retryAfter } });
      };
      // The story has gone on by then: this is all that the server may cost its users.
      const run = await survives('abort', 'f4-home', fault, { lateMs: 1_000 * retryAfter + 2_000 });
      const asked = run.trace.entries.filter(({ request }) => isGoingHome(request));
      expect(asked.map(({ told }) => told)).toEqual([429, 200]);
    });

    it.concurrent('F4 a command to abort waits for no Retry-After', async () => {
      const scene = await Scene.open(rig(), 'f4-command');
      const { proxy, stage } = scene;
      await deployStable(stage, HELD);
      await deliver(stage, TRIED, HELD);
      await untilHeld(stage);
      const isOfSets = (request: ProxiedRequest) => isWrite(request) && request.plural === 'replicasets';
      const rule = proxy.inject({ when: isOfSets, ...always, fault: { ...TOLD_TO_WAIT, retryAfter: 30 } });
      await stage.change({ spec: { replicas: 3 } });
      await rule.struck;
      await stage.command('abort now');
      const at = performance.now();
      await atWeight(stage, 0);
      expect(performance.now() - at).toBeLessThan(5_000);
      await stage.until('the verdict is stored', () => stage.is('Aborted'));
      await scene.close();
      expect(scene.died).toBe(false);
    });

    it.concurrent('F4 watches and lists wait for Retry-After, too', async () => {
      const run = await survives('promote', 'f4-watches', async scene => {
        await atWeight(scene.stage, 20);
        const busy = whileInForce(scene, isCollection, TOLD_TO_WAIT, 7_000);
        scene.strikeWatches('cut', watch => watch.cut());
        await busy;
      });
      const looks = run.trace.entries.filter(({ request }) => isCollection(request));
      expect(tooSoon(looks, RETRY_AFTER_MS)).toEqual([]);
    });

    it.concurrent('F10 a token that is replaced before it is revoked is never missed', async () => {
      const run = await withTokens('f10-replaced', async (scene, tokens) => {
        const next = await tokens.issue();
        writeFileSync(tokenFile(scene.namespace), next.token);
        // A token that was read is used for 10 s; the API server trusts what it has checked for as long.
        await rest(10_500);
        await tokens.revoke('first');
        await rest(10_500);
        await tokens.untilVoid('first');
        scene.strikes.push('the first token is void');
        scene.proxy.cutConnections();
      });
      expect(run.trace.entries.filter(({ told }) => told === 401)).toEqual([]);
    });

    it.concurrent('F10 the operator is back after a while without a valid token', async () => {
      const run = await withTokens('f10-late', async (scene, tokens) => {
        const next = await tokens.issue();
        await tokens.revoke('first');
        const isRefused = () => scene.proxy.trace.entries.some(({ told }) => told === 401);
        for (; !isRefused(); await rest(2_000)) for (const watch of scene.proxy.watches()) watch.end();
        scene.strikes.push('refused with 401');
        await rest(5_000);
        writeFileSync(tokenFile(scene.namespace), next.token);
      });
      expect(run.trace.entries.some(({ told }) => told === 401)).toBe(true);
    });

    for (const isEarly of [true, false])
      it.concurrent(`F10 the API server gets a certificate by a new authority, ${isEarly ? 'which the file has before' : 'and the file has it 5 s later'}`, async () => {
        const caFile = join(rig().folder, `f10-ca-${isEarly}.crt`);
        let front: TlsFront | undefined;
        try {
          await survives(
            'held',
            `f10-ca-${isEarly ? 'early' : 'late'}`,
            async scene => {
              await untilHeld(scene.stage);
              if (!front) throw new Error('the operator does not go through the front');
              await rotateCa(scene, front, caFile, isEarly);
              await promoteHeld(scene.stage);
            },
            {
              access: async proxy => {
                front = await TlsFront.before(proxy);
                writeFileSync(caFile, front.authority);
                return { server: front.url, 'certificate-authority': caFile };
              },
            },
          );
        } finally {
          front?.close();
        }
      });

    const tokenFile = (namespace: string) => join(rig().folder, `${namespace}.token`);

    /** A canary that waits for a person, with an operator whose token comes from a file. */
    async function withTokens(namespace: string, fault: (scene: Scene, tokens: RevocableTokens) => Promise<void>) {
      const tokens = await RevocableTokens.open(rig().plane.client, namespace);
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
  },
);

/** A rule for some time. */
async function whileInForce(scene: Scene, when: (request: ProxiedRequest) => boolean, fault: ProxyFault, ms: number) {
  const rule = scene.proxy.inject({ when, ...always, fault });
  await rest(ms);
  rule.remove();
  expect(rule.hits, 'the fault has struck').toBeGreaterThan(0);
}

/** Nothing is answered, on any connection. */
async function outage(scene: Scene): Promise<void> {
  const over = whileInForce(scene, () => true, { kind: 'reset' }, OUTAGE_MS);
  scene.proxy.cutConnections();
  await over;
}

/** Strikes one request in three, by one kind of fault after the other. @returns by which a request is struck, if any */
function oneInThree(random: () => number, kinds: number): (request: ProxiedRequest) => number | undefined {
  const struck = new Map<number, number | undefined>();
  let next = 0;
  return ({ index }) => {
    if (!struck.has(index)) struck.set(index, random() < 1 / 3 ? next++ % kinds : undefined);
    return struck.get(index);
  };
}

function isStatus(request: ProxiedRequest): boolean {
  return isWrite(request) && request.plural === 'rollouts';
}

function isOfRun({ plural }: ProxiedRequest): boolean {
  return plural === 'analysisruns';
}

function isGoingHome(request: ProxiedRequest): boolean {
  return isWrite(request) && request.plural === 'httproutes' && JSON.stringify(request.body).includes(GOES_HOME);
}

function isCollection({ verb }: ProxiedRequest): boolean {
  return verb === 'list' || verb === 'watch';
}

/** The API server's certificate is replaced, and the file with its authority, too. */
async function rotateCa(scene: Scene, front: TlsFront, file: string, isEarly: boolean): Promise<void> {
  if (isEarly) writeFileSync(file, front.authority + front.nextAuthority);
  front.rotate();
  if (!isEarly) {
    await rest(5_000);
    expect(front.refused, 'handshakes with a certificate that nobody knows').toBeGreaterThan(0);
    expect(front.served).toBe(0);
    writeFileSync(file, front.authority);
  }
  await scene.until('the operator comes through the new certificate', () => front.served > 0);
  scene.strikes.push('certificate replaced');
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
