import { availableParallelism, cpus as osCpus } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LONGEST_MS } from '../../../src/operator/status-delay.ts';
import { applyObject } from '../../support/control-plane/apply-folder.ts';
import { AuditRecord, isOperatorWrite, type Request } from '../measure/audit-record.ts';
import { busySeconds } from '../measure/process-meter.ts';
import { perSecond } from '../measure/statistics.ts';
import { type Changes, changesBetween, type Wasted, wastedWrites } from '../measure/wasted-writes.ts';
import { OTHERS, type SizeResult } from '../results.ts';
import { type BenchCluster, startBenchCluster } from './bench-cluster.ts';
import { type BenchOperator, startBenchOperator } from './bench-operator.ts';
import { type ChangeCounter, startChangeCounter } from './change-counter.ts';
import { changeOf, FIVE_STEPS, GATE, type Member, membersOf, REPLICAS } from './fleet.ts';
import { FleetWatch, type MemberState } from './fleet-watch.ts';
import { inParallel } from './in-parallel.ts';
import { patiently } from './patiently.ts';
import { type RouteWatch, startRouteWatch } from './route-watch.ts';
import { type StubPrometheus, startStubPrometheus } from './stub-prometheus.ts';
import { Timeline } from './timeline.ts';

/** Requests that the bench has under way at once: enough to keep an API server of two cores busy. */
const AT_ONCE = 24;
/** Who has written nothing for longer than any status may wait has nothing more to write. */
const CALM_MS = LONGEST_MS + 1_000;
/** The same for canaries in flight, of which something is shown all the time. */
const LULL_MS = 3_000;
const BESIDES: ReadonlySet<string> = new Set(['analysisruns/status', 'events']);

/** A moment to look back to. */
export interface Moment {
  readonly mark: number;
  readonly changes: Changes;
}

/** Everything that the phases of one size share. */
export class Bench {
  readonly size: number;
  readonly members: readonly Member[];
  readonly cluster: BenchCluster;
  readonly prometheus: StubPrometheus;
  readonly audit: AuditRecord;
  readonly fleet: FleetWatch;
  readonly routes: RouteWatch;
  readonly changes: ChangeCounter;
  readonly timeline: Timeline;
  readonly result: SizeResult;
  readonly #program: string;
  readonly #pull: NodeJS.Timeout;
  #operator: BenchOperator | undefined;
  readonly #toldBefore = new Map<string, number>();
  #cpuBefore = 0;
  #version = 1;

  private constructor(
    size: number,
    program: string,
    parts: Pick<Bench, 'cluster' | 'prometheus' | 'fleet' | 'routes' | 'changes'>,
  ) {
    this.size = size;
    this.members = membersOf(size);
    this.#program = program;
    ({ cluster: this.cluster, prometheus: this.prometheus, fleet: this.fleet } = parts);
    ({ routes: this.routes, changes: this.changes } = parts);
    this.audit = new AuditRecord(join(this.cluster.plane.folder, 'audit.log'));
    this.#pull = setInterval(() => {
      this.audit.pull();
      this.#revive().catch(error => process.stderr.write(`the operator could not be started anew: ${error}\n`));
    }, 500);
    const cpus = `${availableParallelism()} × ${osCpus()[0]?.model ?? 'CPU'}, Node ${process.version}`;
    this.timeline = new Timeline({
      rssMb: () => this.#operator?.rssMb(),
      inFlight: () => this.fleet.inFlight,
      cpu: () => {
        const known = { ...this.cluster.cpu(), operator: this.#cpuBefore + (this.#operator?.cpu() ?? 0) };
        const sum = Object.values(known).reduce((a, b) => a + b, 0);
        return { ...known, [OTHERS]: busySeconds() - sum };
      },
    });
    this.result = {
      size,
      measured: {},
      machine: cpus,
      operatorEnds: 0,
      failures: {},
      marks: this.timeline.marks,
      timeline: this.timeline.points,
      writesPerSecond: [],
      eventsPerSecond: [],
    };
  }

  /** A fresh control plane with watches and metrics, and no operator yet. `program` is the operator's bundle. */
  static async start(size: number, program: string): Promise<Bench> {
    const cluster = await startBenchCluster();
    const { client } = cluster.plane;
    const prometheus = await startStubPrometheus();
    try {
      const provider = { type: 'prometheus', address: prometheus.url };
      const apiVersion = 'sluice.dev/v1alpha1';
      await applyObject(client, { apiVersion, kind: 'MetricProvider', metadata: { name: 'default' }, spec: provider });
      await applyObject(client, GATE);
      const fleet = new FleetWatch(cluster.check);
      await fleet.start(client, '/apis/sluice.dev/v1alpha1/rollouts');
      const routes = await startRouteWatch(client);
      const changes = await startChangeCounter(cluster.plane);
      return new Bench(size, program, { cluster, prometheus, fleet, routes, changes });
    } catch (error) {
      await prometheus.stop();
      await cluster.stop();
      throw error;
    }
  }

  /** The operator that runs. @throws Error when none does */
  get operator(): BenchOperator {
    if (this.#operator === undefined) throw new Error('no operator runs');
    return this.#operator;
  }

  /** Starts the operator, the one before being gone. */
  async startOperator(): Promise<BenchOperator> {
    const { plane } = this.cluster;
    this.#operator = await startBenchOperator(this.#program, plane.userKubeconfig('operator'), plane.folder);
    return this.#operator;
  }

  /** Ends the operator: in order (`terminate`), or at once. */
  async endOperator(how: 'terminate' | 'kill'): Promise<void> {
    const operator = this.#operator;
    this.#operator = undefined;
    if (operator === undefined) return;
    addTo(this.#toldBefore, operator.told());
    this.#cpuBefore += operator.cpu();
    await operator[how]();
  }

  /** An operator that ended by itself is started anew, as a kubelet would, and counted. */
  async #revive(): Promise<void> {
    if (this.#operator?.ended() !== true) return;
    this.result.operatorEnds++;
    await this.endOperator('kill');
    await this.startOperator();
  }

  /** Events that the operator told of since the beginning, over all its processes, by member. */
  told(): ReadonlyMap<string, number> {
    return addTo(new Map(this.#toldBefore), this.#operator?.told() ?? new Map());
  }

  /** Now, for {@link wastedSince}. */
  moment(): Moment {
    return { mark: this.audit.mark(), changes: new Map(this.changes.changes) };
  }

  /** Writes since then that changed nothing. All must be at rest at both ends: watches tell later than the log. */
  wastedSince({ mark, changes }: Moment): Wasted {
    return wastedWrites(this.audit.since(mark), changesBetween(changes, this.changes.changes));
  }

  /** A version that no member has had yet. */
  nextImage(): string {
    return `app:${++this.#version}.0.0`;
  }

  /** Changes members to a version, as many at a time as the API server bears. */
  async change(members: readonly Member[], image: string | ((member: Member) => string), steps = FIVE_STEPS) {
    await inParallel(members, AT_ONCE, async member => {
      const { path, object } = changeOf(member, typeof image === 'string' ? image : image(member), steps);
      await patiently(() => this.cluster.plane.client.patch(path, 'merge', object));
    });
  }

  /** How long something may take that each member takes part in. Generous: a slow machine is no failure. */
  patience(members = this.size): number {
    return 180_000 + members * 600;
  }

  /** Brings every member back to Healthy, by declaring what is stable, and waits until nothing moves any more. */
  async restore(): Promise<void> {
    this.prometheus.turnGood();
    const restless = this.members.filter(({ key }) => this.fleet.state(key)?.phase !== 'Healthy');
    if (restless.length > 0) {
      await this.change(restless, ({ key }) => this.fleet.state(key)?.stableImage ?? this.nextImage());
      const keys = restless.map(({ key }) => key);
      await this.fleet.until('healthy again', keys, ({ phase }) => phase === 'Healthy', this.patience());
    }
    await this.settle();
  }

  /** Waits until all is at rest: pods of older revisions leave 30 s after a promotion or an abort. */
  async settle(): Promise<void> {
    const keys = this.members.map(({ key }) => key);
    const rests = ({ phase, pods }: MemberState) => phase === 'Healthy' && pods === REPLICAS;
    await this.fleet.until('at rest', keys, rests, this.patience());
    await this.calm();
  }

  /** Waits until the operator has nothing more to write. */
  async calm(): Promise<void> {
    await this.#lull(CALM_MS, isOperatorWrite, this.patience());
  }

  /** The same for canaries in flight, whose measurements go on being written, and events, which may come late. */
  async calmButMeasuring(): Promise<void> {
    // Not for long: a control plane at its limit never becomes calm, and that is what is to be measured then.
    const limitMs = 30_000 + this.size * 20;
    await this.#lull(LULL_MS, request => isOperatorWrite(request) && !BESIDES.has(request.resource), limitMs);
  }

  async #lull(quietMs: number, counts: (request: Request) => boolean, limitMs: number): Promise<void> {
    const deadline = Date.now() + limitMs;
    const since = () => Date.now() - (this.audit.last(counts)?.atMs ?? 0);
    for (; since() < quietMs && Date.now() < deadline; await sleep(250)) this.cluster.check();
  }

  /** Sums up what is told second by second. */
  sumUp(): void {
    const writes = this.audit.since(0).filter(isOperatorWrite);
    const rate = (events: boolean) =>
      perSecond(
        writes.filter(({ resource }) => (resource === 'events') === events).map(({ atMs }) => atMs),
        this.timeline.startedAt,
        Date.now(),
      );
    this.result.writesPerSecond = rate(false);
    this.result.eventsPerSecond = rate(true);
  }

  /** Ends it all; the control plane too, whatever else cannot be ended. */
  async stop(): Promise<void> {
    clearInterval(this.#pull);
    this.timeline.stop();
    try {
      await this.endOperator('kill');
      await Promise.all([this.fleet.stop(), this.routes.stop(), this.changes.stop(), this.prometheus.stop()]);
    } finally {
      this.audit.close();
      await this.cluster.stop();
    }
  }
}

function addTo(sums: Map<string, number>, counts: ReadonlyMap<string, number>): Map<string, number> {
  for (const [key, count] of counts) sums.set(key, (sums.get(key) ?? 0) + count);
  return sums;
}
