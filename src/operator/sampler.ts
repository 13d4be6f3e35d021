import { terminateRun } from '../analysis/terminate.ts';
import type { Action } from '../core/decision.ts';
import type { KubeClient } from '../kube/client.ts';
import type { KubeObject } from '../kube/kube-object.ts';
import type { LiveReader } from './live-reader.ts';
import { Measurer } from './measurer.ts';
import { ProviderPool } from './provider-pool.ts';
import { type Patience, type RunName, RunWriter } from './run-writer.ts';
import { SampledRun, type SampledRunParts } from './sampled-run.ts';
import type { SecretReader } from './secrets.ts';
import { Turnstile } from './turnstile.ts';

export interface SamplerParts extends Pick<SampledRunParts, 'caches' | 'metrics' | 'log' | 'clock' | 'enqueue'> {
  readonly client: KubeClient;
  readonly liveReader: LiveReader;
  readonly secrets: SecretReader;
  readonly operatorNamespace: string;
}

/** A pass that waits holds up its Rollout, and is repeated anyway. */
const OF_A_PASS: Patience = { attempts: 2, after: ['conflict'] };
const STORES_AT_ONCE = 8;

/**
 * Takes measurements beside the Rollouts' own path: asks the provider, judges, stores the result in the AnalysisRun. A slow
 * provider delays nobody; the verdict acts when it is stored.
 */
export class Sampler {
  readonly #parts: SampledRunParts;
  /** By uid. */
  readonly #runs = new Map<string, SampledRun>();
  readonly #stop = new AbortController();

  constructor({ client, liveReader, secrets, operatorNamespace, ...shared }: SamplerParts) {
    const { caches, clock } = shared;
    const providers = new ProviderPool(caches.metricProviders, secrets, operatorNamespace, clock);
    this.#parts = {
      ...shared,
      measurer: new Measurer(providers, secrets),
      writer: new RunWriter(client, caches, liveReader),
      good: new Turnstile(STORES_AT_ONCE),
      bad: new Turnstile(STORES_AT_ONCE),
      reachability: client.transport.reachability,
      stopped: this.#stop.signal,
    };
  }

  /** Takes the measurements of a run that are due, and those that come due while its Rollout waits for it. */
  take(rollout: KubeObject, action: Extract<Action, { type: 'TakeSample' }>): void {
    if (this.#stop.signal.aborted) return;
    const at = nameOf(rollout, action.run);
    let run = this.#runs.get(at.uid);
    if (!run) {
      run = new SampledRun(this.#parts, nameOf(rollout, rollout.metadata), at, () => void this.#runs.delete(at.uid));
      this.#runs.set(at.uid, run);
    }
    run.measureDue();
  }

  /** Ends a run that nobody waits for any more; what was measured and not stored yet counts. @throws ApiError */
  async terminate(rollout: KubeObject, action: Extract<Action, { type: 'TerminateAnalysisRun' }>): Promise<void> {
    const at = nameOf(rollout, action.target);
    await this.#parts.writer.store(at, OF_A_PASS, (spec, status) => {
      const known = this.#runs.get(at.uid)?.withUnsaved(spec, status) ?? status;
      return terminateRun(spec, known, this.#parts.clock.now(), action.message);
    });
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.all([...this.#runs.values()].map(run => run.settled()));
    this.#parts.measurer.close();
  }
}

const nameOf = (
  { metadata: { namespace = '' } }: KubeObject,
  of: { name: string; uid?: string | undefined },
): RunName => ({
  namespace,
  name: of.name,
  uid: of.uid ?? '',
});
