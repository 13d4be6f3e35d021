import { runSpecOf, runStatusOf } from '../../src/analysis/stored-run.ts';
import type { AnalysisRunStatus, MeasurementPhase } from '../../src/api/analysis-run.ts';
import {
  HASH_LABEL,
  MIN_READY_SECONDS_ANNOTATION,
  REPLICAS_ANNOTATION,
  TEMPLATE_RESTORED_AT_ANNOTATION,
} from '../../src/api/names.ts';
import type { ApiObject } from '../../src/api/object-meta.ts';
import type { Source } from '../../src/api/rollout-status.ts';
import { toTime } from '../../src/api/time.ts';
import { decide } from '../../src/core/decide.ts';
import type { Action, Decision } from '../../src/core/decision.ts';
import type { ActionProblem, PodInspection, Rival, Snapshot } from '../../src/core/snapshot.ts';
import { templateKey } from '../../src/core/snapshot.ts';
import { readStatus } from '../../src/core/spec-reader.ts';
import { frozen } from './frozen.ts';
import { applyJsonPatch } from './json-patch.ts';
import { withMeasurement } from './sim-measurement.ts';
import { endpointsOf, podsOf, reportOn } from './sim-reactions.ts';
import { snapshotOf } from './sim-snapshot.ts';

type Mutable = { -readonly [K in keyof ApiObject]: ApiObject[K] } & Record<string, any>;

/** A write that the API server would refuse: the object changed, or is not what the plan thought. */
export class SimConflict extends Error {}

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
  /** The gateway's controller is not there: what is written to a route changes nothing yet. */
  gatewayAway = false;
  /** Weight of the canary that the gateway took up last. */
  takenUp = 0;
  problems: ActionProblem[] = [];
  inspection: PodInspection | undefined;
  source: Source | undefined;
  routeConflicts = 0;
  samplesTaken: { run: string; metric: string }[] = [];
  statusWrites = 0;
  log: Action[] = [];

  selectorWrites: Record<string, number> = {};
  rivals: Rival[] = [];
  /** What this process wrote last; a crash forgets it. */
  lastWeight: number | undefined;
  /** Passes that a status may be kept waiting for which there is time (`statusWaitMs`). */
  patience = 0;
  private skipped = 0;

  constructor(spec: Record<string, unknown>, name = 'shop') {
    this.rollout = {
      apiVersion: 'sluice.dev/v1alpha1',
      kind: 'Rollout',
      metadata: { name, namespace: 'demo', uid: 'rollout-uid', generation: 1, resourceVersion: '1' },
      spec,
    };
  }

  edit(change: (spec: Record<string, any>) => void): void {
    const spec = structuredClone(this.rollout['spec']) as Record<string, unknown>;
    change(spec);
    this.replaceRollout({
      spec,
      metadata: { ...this.rollout.metadata, generation: (this.rollout.metadata.generation ?? 0) + 1 },
    });
  }

  command(text: string, by?: string): void {
    const annotations = {
      ...this.rollout.metadata.annotations,
      'sluice.dev/command': text,
      ...(by ? { 'sluice.dev/command-by': by } : {}),
    };
    this.replaceRollout({ metadata: { ...this.rollout.metadata, annotations } });
  }

  addService(name: string, selector: Record<string, string> = { app: 'shop' }): void {
    this.services.set(name, { apiVersion: 'v1', kind: 'Service', metadata: this.meta(name), spec: { selector } });
  }

  addRoute(name: string, stable: string, canary: string): void {
    this.routes.set(name, {
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'HTTPRoute',
      metadata: { ...this.meta(name), generation: 1 },
      spec: {
        rules: [
          {
            backendRefs: [
              { name: stable, port: 80, weight: 100 },
              { name: canary, port: 80, weight: 0 },
            ],
          },
        ],
      },
      status: {},
    });
  }

  addTemplate(name: string, spec: Record<string, unknown>): void {
    this.templates.set(templateKey(name, false), {
      apiVersion: 'sluice.dev/v1alpha1',
      kind: 'AnalysisTemplate',
      metadata: this.meta(name),
      spec,
    });
  }

  private meta(name: string) {
    return {
      name,
      namespace: 'demo',
      uid: `uid-${name}-${++this.version}`,
      resourceVersion: String(this.version),
      creationTimestamp: toTime(this.now),
    };
  }

  /** Gives an object a new version, as any write of it does. */
  touch(object: Mutable): void {
    object.metadata = { ...object.metadata, resourceVersion: String(++this.version) };
  }

  snapshot(): Snapshot {
    return snapshotOf(this);
  }

  /** Decides on a frozen world: what was read of it is remembered, so nobody may change it. */
  decide(): Decision {
    const snapshot = frozen(this.snapshot());
    frozen(readStatus(snapshot.rollout));
    for (const run of snapshot.analysisRuns) frozen([runSpecOf(run), runStatusOf(run)]);
    return decide(snapshot, this.now);
  }

  /** One pass: decide, act, store the status. `stopAfter` crashes after that many writes. Returns the decision. */
  pass(stopAfter = Number.POSITIVE_INFINITY): Decision {
    const decision = this.decide();
    this.carryOut(decision, stopAfter);
    return decision;
  }

  /**
   * Carries a decision out as the operator does: in order, and nothing after the first write that is refused. False
   * when one was, or when the status was decided on an older Rollout; then the status is not written either.
   */
  carryOut(decision: Decision, stopAfter = Number.POSITIVE_INFINITY, decidedOn = this.rolloutVersion()): boolean {
    let writes = 0;
    try {
      for (const action of decision.actions) {
        if (writes++ >= stopAfter) return false;
        this.act(action);
      }
    } catch (error) {
      if (error instanceof SimConflict) return false;
      throw error;
    }
    if (writes >= stopAfter || decidedOn !== this.rolloutVersion()) return false;
    this.storeStatus(decision);
    return true;
  }

  /** Changes with every write of the Rollout, its status included. */
  rolloutVersion(): string {
    return this.rollout.metadata.resourceVersion ?? '';
  }

  private replaceRollout(change: Partial<Mutable>): void {
    const metadata = { ...this.rollout.metadata, ...change.metadata, resourceVersion: String(++this.version) };
    this.rollout = { ...this.rollout, ...change, metadata };
  }

  /** The set a plan was made for; another uid or version is a conflict, as the operator's preconditions make it. */
  private expectSet(target: { name: string; uid: string; resourceVersion: string }): Mutable {
    const set = this.replicaSets.get(target.name);
    if (!set || set.metadata.uid !== target.uid || set.metadata.resourceVersion !== target.resourceVersion)
      throw new SimConflict(`ReplicaSet ${target.name} has changed`);
    return set;
  }

  storeStatus(decision: Decision): boolean {
    if (decision.statusWaitMs > 0 && this.skipped++ < this.patience) return false;
    this.skipped = 0;
    if (!decision.status || JSON.stringify(decision.status) === JSON.stringify(this.rollout['status'])) return false;
    this.replaceRollout({ status: decision.status });
    this.statusWrites++;
    return true;
  }

  act(action: Action): void {
    this.log.push(action);
    switch (action.type) {
      case 'CreateRevision':
        this.revisions.set(action.object.metadata.name, {
          ...structuredClone(action.object),
          metadata: { ...action.object.metadata, ...this.meta(action.object.metadata.name) },
        });
        return;
      case 'CreateReplicaSet': {
        const { metadata } = action.object;
        if (!this.replicaSets.has(metadata.name))
          this.replicaSets.set(metadata.name, {
            ...structuredClone(action.object),
            metadata: { ...metadata, ...this.meta(metadata.name) },
            status: {},
          });
        return;
      }
      case 'RestoreReplicaSet': {
        const revision = this.revisions.get(action.revisionName);
        if (!revision) {
          this.problems = [
            { kind: 'RevisionLost', name: action.name, message: `ControllerRevision ${action.revisionName} is gone` },
          ];
          return;
        }
        this.replicaSets.set(action.name, {
          apiVersion: 'apps/v1',
          kind: 'ReplicaSet',
          metadata: {
            ...this.meta(action.name),
            labels: { ...revision.metadata.labels },
            annotations: {
              'sluice.dev/revision': String(revision['revision']),
              [REPLICAS_ANNOTATION]: String(action.replicas),
            },
          },
          spec: { replicas: action.replicas },
          status: {},
        });
        return;
      }
      case 'ScaleReplicaSet': {
        const set = this.expectSet(action.target);
        set['spec'] = { ...set['spec'], replicas: action.to };
        set.metadata = {
          ...set.metadata,
          annotations: { ...set.metadata.annotations, [REPLICAS_ANNOTATION]: String(action.to) },
        };
        this.touch(set);
        return;
      }
      case 'RestoreTemplate': {
        const set = this.expectSet(action.target);
        const { managedFields: _gone, ...metadata } = set.metadata;
        set.metadata = {
          ...metadata,
          name: set.metadata.name,
          annotations: { ...metadata.annotations, [TEMPLATE_RESTORED_AT_ANNOTATION]: action.at },
        };
        this.touch(set);
        return;
      }
      case 'AnnotateReplicaSet': {
        const set = this.expectSet(action.target);
        set.metadata = { ...set.metadata, annotations: { ...set.metadata.annotations, ...action.annotations } };
        this.touch(set);
        return;
      }
      case 'SetMinReadySeconds': {
        const set = this.expectSet(action.target);
        set['spec'] = { ...set['spec'], minReadySeconds: action.seconds };
        const asked = { [MIN_READY_SECONDS_ANNOTATION]: String(action.seconds) };
        set.metadata = { ...set.metadata, annotations: { ...set.metadata.annotations, ...asked } };
        this.touch(set);
        return;
      }
      case 'CreateService':
        this.services.set(action.object.metadata.name, {
          ...structuredClone(action.object),
          metadata: { ...action.object.metadata, ...this.meta(action.object.metadata.name) },
        });
        return;
      case 'SelectRevision': {
        const service = this.services.get(action.service);
        if (!service) return;
        const { [HASH_LABEL]: _before, ...rest } = service['spec'].selector ?? {};
        const selector = { ...rest, ...action.mend };
        if (action.podTemplateHash !== null) selector[HASH_LABEL] = action.podTemplateHash;
        service['spec'] = { ...service['spec'], selector };
        return;
      }
      case 'CreateRoute':
        this.routes.set(action.ref.name, {
          ...structuredClone(action.object),
          metadata: { ...action.object.metadata, ...this.meta(action.ref.name), generation: 1 },
          status: {},
        });
        return;
      case 'PatchRoute': {
        const route = this.routes.get(action.ref.name);
        if (!route) return;
        try {
          applyJsonPatch(route, action.patch);
          this.lastWeight = action.canaryWeight;
        } catch (error) {
          throw new SimConflict(String(error));
        }
        route.metadata = { ...route.metadata, generation: (route.metadata.generation ?? 0) + 1 };
        this.touch(route);
        return;
      }
      case 'CreateAnalysisRun':
        this.runs.set(action.object.metadata.name, {
          ...structuredClone(action.object),
          metadata: { ...action.object.metadata, ...this.meta(action.object.metadata.name) },
        });
        return;
      case 'TerminateAnalysisRun': {
        const run = this.runs.get(action.target.name);
        if (run)
          run['status'] = {
            ...run['status'],
            phase: run['status']?.metricResults?.length ? 'Successful' : 'Inconclusive',
            completedAt: toTime(this.now),
          };
        return;
      }
      case 'TakeSample':
        this.samplesTaken.push({ run: action.run.name, metric: action.metric });
        return;
      case 'InspectPods':
        this.inspection = { podTemplateHash: action.podTemplateHash, at: this.now, pods: [] };
        return;
      case 'Delete': {
        const map = { ReplicaSet: this.replicaSets, ControllerRevision: this.revisions, AnalysisRun: this.runs }[
          action.kind
        ];
        map.delete(action.target.name);
        return;
      }
    }
  }

  /** The rest of the cluster reacts: pods, endpoints, gateway. */
  react(): void {
    this.reactPods();
    this.reactEndpoints();
    if (!this.gatewayAway) this.reactGateway();
  }

  reactPods(): void {
    for (const set of this.replicaSets.values()) {
      const limit = this.behaviour.get(set.metadata.labels?.[HASH_LABEL] ?? '')?.available;
      const status = podsOf(set, limit ?? Number.POSITIVE_INFINITY);
      if (JSON.stringify(status) === JSON.stringify(set['status'])) continue;
      set['status'] = status;
      this.touch(set);
    }
  }

  reactEndpoints(): void {
    for (const service of this.services.values())
      service['endpoints'] = endpointsOf(service['spec'].selector ?? {}, [...this.replicaSets.values()]);
  }

  reactGateway(answer: 'True' | 'False' = 'True'): void {
    for (const route of this.routes.values()) route['status'] = reportOn(route, answer);
    if (answer === 'True') this.takenUp = Math.max(0, this.canaryWeight());
  }

  /** Passes and reactions until a pass changes nothing; throws when that never happens. */
  settle(limit = 200): Decision {
    const { patience } = this;
    this.patience = 0;
    try {
      return this.comeToRest(limit);
    } finally {
      this.patience = patience;
    }
  }

  private comeToRest(limit: number): Decision {
    for (let i = 0; i < limit; i++) {
      const before = this.fingerprint();
      this.react();
      const decision = this.pass();
      this.react();
      if (this.fingerprint() === before) return decision;
    }
    throw new Error(
      `the world does not come to rest: ${JSON.stringify(this.status, null, 1)} ${JSON.stringify(this.log.slice(-6))}`,
    );
  }

  advance(ms: number): void {
    this.now += ms;
  }

  /** Stores one measurement as the sampler would, with a phase given by the test. */
  measure(runName: string, metric: string, phase: MeasurementPhase, over = false): void {
    const run = this.runs.get(runName);
    if (!run) throw new Error(`no run ${runName}`);
    run['status'] = withMeasurement(
      run['status'] as AnalysisRunStatus | undefined,
      metric,
      phase,
      over,
      toTime(this.now),
    );
    this.touch(run);
  }

  get status(): Record<string, any> {
    return (this.rollout['status'] ?? {}) as Record<string, any>;
  }

  canaryWeight(route = 'shop'): number {
    return this.routes.get(route)?.['spec'].rules[0].backendRefs[1]?.weight ?? -1;
  }

  pods(hash: string): number {
    let sum = 0;
    for (const set of this.replicaSets.values())
      if (set.metadata.labels?.[HASH_LABEL] === hash) sum += set['spec'].replicas;
    return sum;
  }

  fingerprint(): string {
    return JSON.stringify([
      this.rollout['status'],
      [...this.replicaSets],
      [...this.services],
      [...this.routes],
      [...this.runs],
      [...this.revisions.keys()],
    ]);
  }
}
