import type { AnalysisRunStatus } from '../../api/analysis-run.ts';
import { GROUP, VERSION } from '../../api/names.ts';
import type { RolloutStatus } from '../../api/rollout-status.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { KubeObject } from '../../kube/kube-object.ts';
import { Reflector } from '../../kube/reflector.ts';
import type { ResourceType } from '../../kube/resource-path.ts';

const type = (group: string, version: string, plural: string, kind: string): ResourceType => ({
  group,
  version,
  plural,
  kind,
  namespaced: true,
});

/** An event, as `kubectl get events` would show it. */
export interface SeenEvent {
  readonly at: number;
  readonly reason: string;
  readonly warning: boolean;
  readonly note: string;
}

/** Watches one Rollout from outside, as anybody with kubectl could. */
export class RolloutWatcher {
  readonly events: SeenEvent[] = [];
  readonly #rollouts: Reflector;
  readonly #runs: Reflector;
  readonly #events: Reflector;
  readonly #name: string;
  readonly #namespace: string;
  readonly #listeners: (() => void)[] = [];

  constructor(client: KubeClient, namespace: string, name: string) {
    this.#name = name;
    this.#namespace = namespace;
    const follow = (what: ResourceType) => new Reflector({ client, type: what, namespace, minWatchSpacingMs: 100 });
    this.#rollouts = follow(type(GROUP, VERSION, 'rollouts', 'Rollout'));
    this.#runs = follow(type(GROUP, VERSION, 'analysisruns', 'AnalysisRun'));
    this.#events = follow(type('', 'v1', 'events', 'Event'));
    this.#events.store.addHandler((change, object) => {
      if (change === 'added') this.#noteEvent(object);
    });
    for (const reflector of [this.#rollouts, this.#runs]) reflector.store.addHandler(() => this.#changed());
  }

  async start(): Promise<void> {
    for (const reflector of [this.#rollouts, this.#runs, this.#events]) reflector.start();
    await this.#rollouts.waitForSync(10_000);
  }

  async stop(): Promise<void> {
    await Promise.all([this.#rollouts, this.#runs, this.#events].map(reflector => reflector.stop()));
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  get status(): RolloutStatus | undefined {
    return this.#rollouts.store.get({ namespace: this.#namespace, name: this.#name })?.['status'] as
      | RolloutStatus
      | undefined;
  }

  /** The run that measures now, else the youngest. */
  get run(): { readonly name: string; readonly status: AnalysisRunStatus } | undefined {
    const runs = [...this.#runs.store.values()].filter(run => run['status'] !== undefined);
    const named = this.status?.analysis?.background ?? this.status?.abort?.evidence?.analysisRun;
    const run = runs.find(candidate => candidate.metadata.name === named) ?? runs.sort(byAge).at(-1);
    return run ? { name: run.metadata.name, status: run['status'] as AnalysisRunStatus } : undefined;
  }

  /** Resolves when the condition holds; false when the time is over. */
  async until(holds: (status: RolloutStatus) => boolean, timeoutMs: number): Promise<boolean> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      if (this.status && holds(this.status)) return true;
      if (Date.now() > deadline) return false;
      await new Promise(resolve => setTimeout(resolve, 50));
    }
  }

  #noteEvent(object: KubeObject): void {
    const regarding = object['involvedObject'] as { name?: string } | undefined;
    if (regarding?.name !== this.#name) return;
    this.events.push({
      at: Date.now(),
      reason: String(object['reason']),
      warning: object['type'] === 'Warning',
      note: String(object['message'] ?? object['note'] ?? ''),
    });
    this.#changed();
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }
}

function byAge(a: KubeObject, b: KubeObject): number {
  return (a.metadata.creationTimestamp ?? '') < (b.metadata.creationTimestamp ?? '') ? -1 : 1;
}
