import { HASH_LABEL } from '../../src/api/names.ts';
import type { ApiObject } from '../../src/api/object-meta.ts';
import { decide } from '../../src/core/decide.ts';
import type { Action, Decision } from '../../src/core/decision.ts';
import type { ActionProblem, PodInspection, Snapshot } from '../../src/core/snapshot.ts';
import { routeKey, templateKey } from '../../src/core/snapshot.ts';
import { toTime } from '../../src/api/time.ts';
import { applyJsonPatch } from './json-patch.ts';

type Mutable = { -readonly [K in keyof ApiObject]: ApiObject[K] } & Record<string, any>; // biome-ignore lint/suspicious/noExplicitAny: a model of free-form objects

/** How the pods of a revision behave in the model. */
export interface PodBehaviour {
  /** Pods of it that can become available at most; default all. */
  readonly available?: number;
}

/**
 * A cluster in memory, just faithful enough to close the loop around decide(): ReplicaSets get pods, Services get
 * endpoints, the gateway accepts routes. Every reaction happens in react(), so that a test can stop in between.
 */
export class SimCluster {
  now = Date.parse('2026-01-01T00:00:00.000Z');
  version = 100;
  rollout: Mutable;
  readonly replicaSets = new Map<string, Mutable>();
  readonly revisions = new Map<string, Mutable>();
  readonly services = new Map<string, Mutable>();
  readonly routes = new Map<string, Mutable>();
  readonly runs = new Map<string, Mutable>();
  readonly templates = new Map<string, Mutable>();
  readonly notifiers: Mutable[] = [];
  readonly behaviour = new Map<string, PodBehaviour>();
  readonly delivered: string[] = [];
  problems: ActionProblem[] = [];
  inspection: PodInspection | undefined;
  samplesTaken: { run: string; metric: string }[] = [];
  statusWrites = 0;
  log: Action[] = [];

  constructor(spec: Record<string, unknown>, name = 'shop') {
    this.rollout = {
      apiVersion: 'sluice.dev/v1alpha1',
      kind: 'Rollout',
      metadata: { name, namespace: 'demo', uid: 'rollout-uid', generation: 1, resourceVersion: '1' },
      spec,
    };
  }

  edit(change: (spec: Record<string, any>) => void): void { // biome-ignore lint/suspicious/noExplicitAny: free-form spec
    const spec = structuredClone(this.rollout['spec']) as Record<string, unknown>;
    change(spec);
    this.rollout = { ...this.rollout, spec, metadata: { ...this.rollout.metadata, generation: (this.rollout.metadata.generation ?? 0) + 1 } };
  }

  command(text: string, by?: string): void {
    const annotations = { ...this.rollout.metadata.annotations, 'sluice.dev/command': text, ...(by ? { 'sluice.dev/command-by': by } : {}) };
    this.rollout = { ...this.rollout, metadata: { ...this.rollout.metadata, annotations } };
  }

  addService(name: string, selector: Record<string, string> = { app: 'shop' }): void {
    this.services.set(name, { apiVersion: 'v1', kind: 'Service', metadata: this.meta(name), spec: { selector } });
  }

  addRoute(name: string, stable: string, canary: string): void {
    this.routes.set(name, {
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'HTTPRoute',
      metadata: { ...this.meta(name), generation: 1 },
      spec: { rules: [{ backendRefs: [{ name: stable, port: 80, weight: 100 }, { name: canary, port: 80, weight: 0 }] }] },
      status: {},
    });
  }

  addTemplate(name: string, spec: Record<string, unknown>): void {
    this.templates.set(templateKey(name, false), { apiVersion: 'sluice.dev/v1alpha1', kind: 'AnalysisTemplate', metadata: this.meta(name), spec });
  }

  private meta(name: string) {
    return { name, namespace: 'demo', uid: `uid-${name}-${++this.version}`, resourceVersion: String(this.version), creationTimestamp: toTime(this.now) };
  }

  private touch(object: Mutable): void {
    object.metadata = { ...object.metadata, resourceVersion: String(++this.version) };
  }

  snapshot(): Snapshot {
    const endpointSlices: Record<string, ApiObject[]> = {};
    for (const [name, service] of this.services) endpointSlices[name] = [{ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata: { name }, endpoints: service['endpoints'] ?? [] }];
    return structuredClone({
      rollout: this.rollout,
      replicaSets: [...this.replicaSets.values()],
      revisions: [...this.revisions.values()],
      services: Object.fromEntries(this.services),
      endpointSlices,
      routes: Object.fromEntries([...this.routes.values()].map(r => [routeKey({ apiVersion: r.apiVersion, kind: r.kind, name: r.metadata.name }), r])),
      analysisRuns: [...this.runs.values()],
      templates: Object.fromEntries(this.templates),
      notifiers: this.notifiers,
      ...(this.inspection ? { inspection: this.inspection } : {}),
      problems: this.problems,
      delivered: [...this.delivered],
      routeConflicts: 0,
    });
  }

  decide(): Decision {
    return decide(this.snapshot(), this.now);
  }

  /** One pass: decide, act, store the status. `stopAfter` crashes after that many writes. Returns the decision. */
  pass(stopAfter = Number.POSITIVE_INFINITY): Decision {
    const decision = this.decide();
    let writes = 0;
    for (const action of decision.actions) {
      if (writes >= stopAfter) return decision;
      this.act(action);
      writes++;
    }
    if (writes < stopAfter) this.storeStatus(decision);
    return decision;
  }

  storeStatus(decision: Decision): boolean {
    if (!decision.status || JSON.stringify(decision.status) === JSON.stringify(this.rollout['status'])) return false;
    this.rollout = { ...this.rollout, status: decision.status };
    this.statusWrites++;
    return true;
  }

  act(action: Action): void {
    this.log.push(action);
    switch (action.type) {
      case 'CreateRevision':
        this.revisions.set(action.object.metadata.name, { ...structuredClone(action.object), metadata: { ...action.object.metadata, ...this.meta(action.object.metadata.name) } });
        return;
      case 'CreateReplicaSet': {
        const { metadata } = action.object;
        if (!this.replicaSets.has(metadata.name)) this.replicaSets.set(metadata.name, { ...structuredClone(action.object), metadata: { ...metadata, ...this.meta(metadata.name) }, status: {} });
        return;
      }
      case 'RestoreReplicaSet': {
        const revision = this.revisions.get(action.revisionName);
        if (!revision) {
          this.problems = [{ kind: 'RevisionLost', name: action.name, message: `ControllerRevision ${action.revisionName} is gone` }];
          return;
        }
        this.replicaSets.set(action.name, {
          apiVersion: 'apps/v1',
          kind: 'ReplicaSet',
          metadata: { ...this.meta(action.name), labels: { ...revision.metadata.labels }, annotations: { 'sluice.dev/revision': String(revision['revision']) } },
          spec: { replicas: action.replicas },
          status: {},
        });
        return;
      }
      case 'ScaleReplicaSet': {
        const set = this.replicaSets.get(action.target.name);
        if (set) {
          set['spec'] = { ...set['spec'], replicas: action.to };
          this.touch(set);
        }
        return;
      }
      case 'AnnotateReplicaSet': {
        const set = this.replicaSets.get(action.target.name);
        if (!set) return;
        const annotations: Record<string, string> = { ...set.metadata.annotations };
        for (const [key, value] of Object.entries(action.annotations)) {
          if (value === null) delete annotations[key];
          else annotations[key] = value;
        }
        set.metadata = { ...set.metadata, annotations };
        this.touch(set);
        return;
      }
      case 'CreateService':
        this.services.set(action.object.metadata.name, { ...structuredClone(action.object), metadata: { ...action.object.metadata, ...this.meta(action.object.metadata.name) } });
        return;
      case 'SelectRevision': {
        const service = this.services.get(action.service);
        if (service) service['spec'] = { ...service['spec'], selector: { ...service['spec'].selector, [HASH_LABEL]: action.podTemplateHash } };
        return;
      }
      case 'CreateRoute':
        this.routes.set(action.ref.name, { ...structuredClone(action.object), metadata: { ...action.object.metadata, ...this.meta(action.ref.name), generation: 1 }, status: {} });
        return;
      case 'PatchRoute': {
        const route = this.routes.get(action.ref.name);
        if (!route) return;
        applyJsonPatch(route, action.patch);
        route.metadata = { ...route.metadata, generation: (route.metadata.generation ?? 0) + 1 };
        this.touch(route);
        return;
      }
      case 'CreateAnalysisRun':
        this.runs.set(action.object.metadata.name, { ...structuredClone(action.object), metadata: { ...action.object.metadata, ...this.meta(action.object.metadata.name) } });
        return;
      case 'TerminateAnalysisRun': {
        const run = this.runs.get(action.target.name);
        if (run) run['status'] = { ...run['status'], phase: run['status']?.metricResults?.length ? 'Successful' : 'Inconclusive', completedAt: toTime(this.now) };
        return;
      }
      case 'TakeSample':
        this.samplesTaken.push({ run: action.run.name, metric: action.metric });
        return;
      case 'InspectPods':
        this.inspection = { podTemplateHash: action.podTemplateHash, at: this.now, pods: [] };
        return;
      case 'Delete': {
        const map = { ReplicaSet: this.replicaSets, ControllerRevision: this.revisions, AnalysisRun: this.runs }[action.kind];
        map.delete(action.target.name);
        return;
      }
    }
  }

  /** The rest of the cluster reacts: pods, endpoints, gateway. */
  react(): void {
    for (const set of this.replicaSets.values()) {
      const wanted = (set['spec'].replicas as number | undefined) ?? 1;
      const limit = this.behaviour.get(set.metadata.labels?.[HASH_LABEL] ?? '')?.available ?? Number.POSITIVE_INFINITY;
      const available = Math.min(wanted, limit);
      set['status'] = { replicas: wanted, readyReplicas: available, availableReplicas: available };
    }
    for (const service of this.services.values()) service['endpoints'] = this.endpointsOf(service['spec'].selector ?? {});
    for (const route of this.routes.values()) {
      const conditions = ['Accepted', 'ResolvedRefs'].map(type => ({ type, status: 'True', observedGeneration: route.metadata.generation }));
      route['status'] = { parents: [{ conditions }] };
    }
  }

  private endpointsOf(selector: Record<string, string>) {
    if (Object.keys(selector).length === 0) return [];
    const hash = selector[HASH_LABEL];
    return [...this.replicaSets.values()]
      .filter(set => hash === undefined || set.metadata.labels?.[HASH_LABEL] === hash)
      .flatMap(set => Array.from({ length: set['status']?.readyReplicas ?? 0 }, (_, i) => ({
        conditions: { ready: true },
        targetRef: { kind: 'Pod', name: `${set.metadata.name}-p${i}` },
      })));
  }

  /** Passes and reactions until a pass changes nothing; throws when that never happens. */
  settle(limit = 200): Decision {
    for (let i = 0; i < limit; i++) {
      const before = this.fingerprint();
      this.react();
      const decision = this.pass();
      this.react();
      if (this.fingerprint() === before) return decision;
    }
    throw new Error(`the world does not come to rest: ${JSON.stringify(this.status, null, 1)} ${JSON.stringify(this.log.slice(-6))}`);
  }

  advance(ms: number): void {
    this.now += ms;
  }

  /** Stores one measurement as the sampler would, with a phase given by the test. */
  measure(runName: string, metric: string, phase: 'Successful' | 'Failed' | 'NoData', over = false): void {
    const run = this.runs.get(runName);
    if (!run) throw new Error(`no run ${runName}`);
    const at = toTime(this.now);
    const status = run['status'] ?? { phase: 'Running', startedAt: at, metricResults: [] };
    const old = status.metricResults.find((r: { name: string }) => r.name === metric) ?? {
      name: metric, phase: 'Running', count: 0, successful: 0, failed: 0, inconclusive: 0, error: 0, noData: 0, consecutiveError: 0, consecutiveSuccess: 0, consecutiveFailure: 0, measurements: [],
    };
    const value = phase === 'Failed' ? '0.5' : '0.999';
    const next = {
      ...old,
      count: old.count + (phase === 'NoData' ? 0 : 1),
      successful: old.successful + (phase === 'Successful' ? 1 : 0),
      failed: old.failed + (phase === 'Failed' ? 1 : 0),
      noData: old.noData + (phase === 'NoData' ? 1 : 0),
      phase: phase === 'Failed' ? 'Failed' : over ? 'Successful' : 'Running',
      measurements: [...old.measurements, { phase, ...(phase === 'NoData' ? { message: 'query returned no series' } : { value }), threshold: '>= 0.95', query: 'up', startedAt: at, finishedAt: at }].slice(-10),
      ...(phase === 'NoData' ? { noDataSince: old.noDataSince ?? at, noDataReason: 'NoSeries' } : {}),
    };
    if (phase !== 'NoData') {
      delete next.noDataSince;
      delete next.noDataReason;
    }
    const results = [...status.metricResults.filter((r: { name: string }) => r.name !== metric), next];
    run['status'] = { ...status, phase: next.phase, metricResults: results, worst: { metric, value, threshold: '>= 0.95', failed: `${next.failed}/0` } };
    this.touch(run);
  }

  get status(): Record<string, any> { // biome-ignore lint/suspicious/noExplicitAny: read by tests
    return (this.rollout['status'] ?? {}) as Record<string, any>; // biome-ignore lint/suspicious/noExplicitAny: read by tests
  }

  canaryWeight(route = 'shop'): number {
    return this.routes.get(route)?.['spec'].rules[0].backendRefs[1].weight ?? -1;
  }

  pods(hash: string): number {
    let sum = 0;
    for (const set of this.replicaSets.values()) if (set.metadata.labels?.[HASH_LABEL] === hash) sum += set['spec'].replicas;
    return sum;
  }

  fingerprint(): string {
    return JSON.stringify([this.rollout['status'], [...this.replicaSets], [...this.services], [...this.routes], [...this.runs], [...this.revisions.keys()]]);
  }
}
