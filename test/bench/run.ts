import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { applyFolder, applyObject } from '../support/control-plane/apply-folder.ts';
import type { AuditEntry } from '../support/control-plane/audit-log.ts';
import { startFakeGatewayController } from '../support/control-plane/fake-gateway-controller.ts';
import { applyGatewayApiCrds } from '../support/control-plane/gateway-api.ts';
import { RIG_USERS } from '../support/control-plane/users.ts';
import { type ControlPlane, startControlPlane } from '../support/control-plane.ts';
import { startFakeKubelet } from '../support/fake-kubelet.ts';
import { startOperator } from '../support/operator-process.ts';
import { GATE, memberOf, objectsOf, rolloutOf } from './fleet.ts';
import { cpuMs, perResource, residentMb, spread } from './measures.ts';
import { startStubPrometheus } from './stub-prometheus.ts';

/*
 * `npm run bench [-- ROLLOUTS]`: the operator on a real control plane, measured from outside: the API server's audit log
 * and /proc. Figures are of one run on one machine; read them as magnitudes.
 */
const ROOT = join(import.meta.dirname, '../..');
const ROLLOUTS = Number(process.argv[2] ?? 100);
const NAMESPACES = 20;
const IDLE_S = 30;
const OPERATOR = RIG_USERS.operator.name;

if (process.env['SLUICE_NETWORK_NAMESPACE'] !== '1') {
  spawnSync(process.execPath, [join(ROOT, 'test/support/prepare-rig.ts')], { stdio: 'inherit' });
  // Measured is what runs in the image: the bundle.
  spawnSync(process.execPath, [join(ROOT, 'tools/build.ts')], { stdio: 'inherit' });
  const inside = [
    '--net',
    process.execPath,
    join(ROOT, 'test/support/in-namespace.ts'),
    process.execPath,
    import.meta.filename,
    String(ROLLOUTS),
  ];
  process.exit(spawnSync('unshare', inside, { stdio: 'inherit' }).status ?? 1);
}

const sleep = (ms: number) => new Promise(resolve => setTimeout(resolve, ms));
const say = (what: string, figure: string) => console.log(`${what.padEnd(46)} ${figure}`);
const members = Array.from({ length: ROLLOUTS }, (_, index) => memberOf(index, NAMESPACES));

interface Seen {
  readonly metadata: { readonly name: string };
  readonly status?: { readonly phase?: string; readonly stable?: { readonly images?: readonly string[] } };
}

async function waitFor(
  plane: ControlPlane,
  what: string,
  holds: (rollout: Seen) => boolean,
  among = ROLLOUTS,
  timeoutS = 300,
): Promise<number> {
  const started = Date.now();
  for (;;) {
    const items = (await plane.client.list('/apis/sluice.dev/v1alpha1/rollouts')) as unknown as Seen[];
    if (items.filter(holds).length >= among) return (Date.now() - started) / 1000;
    if (Date.now() - started > timeoutS * 1000)
      throw new Error(`${what}: only ${items.filter(holds).length} of ${among} after ${timeoutS} s`);
    await sleep(200);
  }
}

const patchRollout = (plane: ControlPlane, index: number, image: string) => {
  const { namespace, name } = members[index] ?? memberOf(index, NAMESPACES);
  return applyObject(plane.client, rolloutOf(namespace, name, image) as never);
};

/** From a change of a Rollout to the operator's first write about it, one change at a time. */
async function firstWriteOf(plane: ControlPlane, writes: (sinceMs: number) => AuditEntry[]): Promise<void> {
  const begun = Date.now();
  const last = Math.min(ROLLOUTS, 20);
  for (let i = 1; i <= last; i++) {
    await patchRollout(plane, ROLLOUTS - i, 'app:1.5.0');
    await sleep(400);
  }
  const ours = writes(begun);
  const changes = plane
    .auditEntries({ verb: 'patch', resource: 'rollouts', sinceMs: begun })
    .filter(entry => entry.user !== OPERATOR);
  const delays = changes.flatMap(change => {
    const first = ours.find(
      entry =>
        entry.namespace === change.namespace && entry.name?.startsWith(`${change.name}-`) && entry.atMs >= change.atMs,
    );
    return first ? [{ asked: first.atMs - change.atMs, answered: first.atMs - change.doneMs }] : [];
  });
  say('change asked -> first write', spread(delays.map(({ asked }) => asked)));
  say('change answered -> first write', spread(delays.map(({ answered }) => answered)));
}

async function main(): Promise<void> {
  const prometheus = await startStubPrometheus();
  const plane = await startControlPlane({ operatorIsClusterAdmin: false });
  await applyGatewayApiCrds(plane.client);
  await applyFolder(plane.client, join(ROOT, 'crds'));
  await plane.kubectl(['apply', '-k', join(ROOT, 'deploy')]);
  const kubelet = await startFakeKubelet({ ...plane, token: plane.userToken('kubelet') }, { mode: 'instant' });
  const gateway = await startFakeGatewayController({ ...plane, token: plane.userToken('gateway') });
  await applyObject(plane.client, {
    apiVersion: 'sluice.dev/v1alpha1',
    kind: 'MetricProvider',
    metadata: { name: 'default' },
    spec: { type: 'prometheus', address: prometheus.url },
  } as never);
  await applyObject(plane.client, GATE as never);
  for (let i = 0; i < NAMESPACES; i++)
    await applyObject(plane.client, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: `bench-${i}` } } as never);
  const operator = await startOperator(plane.userKubeconfig('operator'), [], join(ROOT, 'dist/sluice.mjs'));
  await sleep(3_000);
  say('RSS with no rollout', `${residentMb(operator.pid)} MB`);
  const writes = (sinceMs: number) =>
    plane
      .auditEntries({ user: OPERATOR, writes: true, sinceMs })
      .filter(entry => entry.resource !== 'leases' && entry.status < 400);

  const created = Date.now();
  for (const { namespace, name } of members)
    for (const object of objectsOf(namespace, name, 'app:1.0.0')) await applyObject(plane.client, object as never);
  await waitFor(plane, 'healthy', rollout => rollout.status?.phase === 'Healthy');
  say(`create ${ROLLOUTS} to all healthy`, `${((Date.now() - created) / 1000).toFixed(1)} s`);
  say('writes per creation', perResource(writes(created), ROLLOUTS));

  // What the burst left behind is collected some ten seconds after it.
  await sleep(20_000);
  const idle = Date.now();
  const cpu = cpuMs(operator.pid);
  await sleep(IDLE_S * 1000);
  say(`idle CPU at ${ROLLOUTS}`, `${(((cpuMs(operator.pid) - cpu) / (IDLE_S * 1000)) * 100).toFixed(2)} %`);
  say(`idle RSS at ${ROLLOUTS}`, `${residentMb(operator.pid)} MB`);
  const quiet = plane
    .auditEntries({ user: OPERATOR, sinceMs: idle })
    .filter(entry => entry.resource !== 'leases' && entry.verb !== 'watch');
  say(`idle reads and writes in ${IDLE_S} s, lease apart`, String(quiet.length));

  const tenth = Math.max(1, Math.floor(ROLLOUTS / 10));
  const begun = Date.now();
  for (let i = 0; i < tenth; i++) {
    await patchRollout(plane, i, 'app:2.0.0');
  }
  await waitFor(
    plane,
    'promoted',
    rollout => rollout.status?.phase === 'Healthy' && rollout.status.stable?.images?.[0] === 'app:2.0.0',
    tenth,
  );
  say(`${tenth} canaries of 5 steps, 25 s of pauses`, `${((Date.now() - begun) / 1000).toFixed(1)} s`);
  await sleep(1_000);
  const canaryWrites = writes(begun);
  say('writes of a 5-step canary', perResource(canaryWrites, tenth));
  await firstWriteOf(plane, writes);
  await waitFor(
    plane,
    'promoted too',
    rollout => rollout.status?.stable?.images?.[0] === 'app:1.5.0',
    Math.min(ROLLOUTS, 20),
  );

  const bad = Math.max(tenth, Math.min(ROLLOUTS - tenth, tenth));
  for (let i = tenth; i < tenth + bad; i++) await patchRollout(plane, i, 'app:3.0.0');
  await sleep(6_000);
  const flipped = Date.now();
  prometheus.set(0.5);
  await waitFor(plane, 'aborted', rollout => rollout.status?.phase === 'Aborted', bad, 60);
  await sleep(1_000);
  const after = writes(flipped);
  const stored: number[] = [];
  const fromFlip: number[] = [];
  for (let i = tenth; i < tenth + bad; i++) {
    const { namespace, name } = members[i] ?? memberOf(i, NAMESPACES);
    const sample = after.find(
      entry =>
        entry.resource === 'analysisruns/status' && entry.namespace === namespace && entry.name?.startsWith(`${name}-`),
    );
    const route = after.find(
      entry =>
        entry.resource === 'httproutes' &&
        entry.namespace === namespace &&
        entry.name === name &&
        entry.atMs >= (sample?.atMs ?? 0),
    );
    if (sample && route) stored.push(route.atMs - sample.atMs);
    if (route) fromFlip.push(route.atMs - flipped);
  }
  say(`failing sample stored -> route at 0 %, ${bad} at once`, spread(stored));
  say('metric turns bad -> route at 0 % (interval 2 s)', spread(fromFlip));
  // What only shows is stored up to a second later.
  await sleep(1_500);
  const resting = Date.now();
  await sleep(15_000);
  // Old sets of what was promoted before leave in these seconds: only the aborted Rollouts count.
  const aborted = members.slice(tenth, tenth + bad);
  const meanwhile = writes(resting).filter(
    entry =>
      entry.resource !== 'events' &&
      aborted.some(
        ({ namespace, name }) =>
          entry.namespace === namespace && (entry.name === name || entry.name?.startsWith(`${name}-`)),
      ),
  );
  say('writes during 15 s of an abort delay, events apart', perResource(meanwhile, 1));
  say('RSS at the end', `${residentMb(operator.pid)} MB`);
  await operator.stop();
  await gateway.stop();
  await kubelet.stop();
  await plane.stop();
  await prometheus.stop();
}

await main();
