import { revisionHash } from '../../src/core/revision-hash.ts';
import { blueGreenSpec, canarySpec, type SpecOptions, templateOf } from './rollout-builder.ts';
import { SimCluster } from './sim-cluster.ts';

/** Background or step analysis with the one template that story clusters have. */
export const SUCCESS_RATE = { templates: [{ templateName: 'success-rate' }] };

const METRIC = {
  name: 'success',
  interval: '10s',
  threshold: { min: 0.95 },
  provider: { prometheus: { query: 'up' } },
};

/** Everything that a Rollout of the builders refers to, and nothing deployed yet. */
export function emptyCluster(spec: Record<string, unknown>, metric: Record<string, unknown> = {}): SimCluster {
  const cluster = new SimCluster(spec);
  for (const name of ['stable', 'canary', 'active', 'preview']) cluster.addService(name);
  cluster.addRoute('shop', 'stable', 'canary');
  cluster.addTemplate('success-rate', { metrics: [{ ...METRIC, ...metric }] });
  return cluster;
}

/** A canary whose first revision, image tag 1, is stable. */
export function settledCanary(options: SpecOptions = {}, metric: Record<string, unknown> = {}): SimCluster {
  const cluster = emptyCluster(canarySpec(options), metric);
  cluster.settle();
  return cluster;
}

/** A canary on which tag 2 is on trial and has come as far as it can by itself. */
export function canaryOnTrial(options: SpecOptions = {}, metric: Record<string, unknown> = {}): SimCluster {
  const cluster = settledCanary(options, metric);
  push(cluster, '2');
  cluster.settle();
  return cluster;
}

/** A blue-green Rollout whose first revision is active. */
export function settledBlueGreen(blueGreen: Record<string, unknown> = {}, options: SpecOptions = {}): SimCluster {
  const cluster = emptyCluster(blueGreenSpec(blueGreen, options));
  cluster.settle();
  return cluster;
}

/** Git declares another image. */
export function push(cluster: SimCluster, tag: string): void {
  cluster.edit(spec => {
    spec['template'] = templateOf(tag);
  });
}

export function hashOf(tag: string): string {
  return revisionHash(templateOf(tag));
}

/** Sends a command and lets the world come to rest. */
export function send(cluster: SimCluster, verb: string, by?: string): string {
  cluster.command(`${verb} ${verb}-${++sent}`, by);
  cluster.settle();
  return String(cluster.status['lastCommand']?.outcome ?? '');
}
let sent = 0;

/** Time passes, then the world comes to rest again. */
export function wait(cluster: SimCluster, seconds: number): void {
  cluster.advance(seconds * 1000);
  cluster.settle();
}

/** Time passes in which a metric is asked and has no data. */
export function waitWithoutData(cluster: SimCluster, run: string, seconds: number): void {
  for (let rest = seconds; rest > 0; rest -= 30) {
    cluster.measure(run, 'success', 'NoData');
    wait(cluster, Math.min(rest, 30));
  }
}

/** Name of the newest run whose name ends so. */
export function runNamed(cluster: SimCluster, ending: string): string {
  const name = [...cluster.runs.keys()].filter(n => n.endsWith(ending)).at(-1);
  if (name === undefined) throw new Error(`no run ends with ${ending}: ${[...cluster.runs.keys()].join(', ')}`);
  return name;
}

/** Pods of a tag and weight of the canary, "2 pods, 20 %". */
export function canaryNow(cluster: SimCluster, tag = '2'): string {
  return `${cluster.pods(hashOf(tag))} pods, ${cluster.canaryWeight()} %`;
}

/** Weights of the canary that were written, in their order. */
export function weightsOf(cluster: SimCluster): number[] {
  return cluster.log.flatMap(action => (action.type === 'PatchRoute' ? [action.canaryWeight] : []));
}

/** Phase and reason, "Paused PauseStep". */
export function stateOf(cluster: SimCluster): string {
  return `${cluster.status['phase']} ${cluster.status['display']?.reason}`;
}

/** "True Healthy" of a condition; undefined when it is not there. */
export function conditionOf(cluster: SimCluster, type: string): string | undefined {
  const found = (cluster.status['conditions'] as { type: string; status: string; reason: string }[]).find(
    c => c.type === type,
  );
  return found ? `${found.status} ${found.reason}` : undefined;
}
