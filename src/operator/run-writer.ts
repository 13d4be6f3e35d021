import { runSpecOf, runStatusOf } from '../analysis/stored-run.ts';
import type { AnalysisRunSpec, AnalysisRunStatus } from '../api/analysis-run.ts';
import type { KubeClient } from '../kube/client.ts';
import { ApiError, type ApiErrorCode } from '../kube/errors.ts';
import type { Caches } from './caches.ts';
import type { LiveReader } from './live-reader.ts';
import { mergeDiff } from './merge-diff.ts';
import { RESOURCES } from './resources.ts';
import { WRITE } from './write-limit.ts';

/** How long it is tried to store something, and after which refusals. */
export interface Patience {
  readonly attempts: number;
  readonly after: readonly ApiErrorCode[];
}

/** Which run is meant: another may have its name by now. */
export interface RunName {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

/** The one writer of AnalysisRuns' status. */
export class RunWriter {
  readonly #client: KubeClient;
  readonly #caches: Caches;
  readonly #liveReader: LiveReader;

  constructor(client: KubeClient, caches: Caches, liveReader: LiveReader) {
    this.#client = client;
    this.#caches = caches;
    this.#liveReader = liveReader;
  }

  /**
   * Changes a run's status from what is stored; a conflict reads again, and what was read is known from then on: decisions rest
   * on it, and its watch may lag. So does a run that is not there any more.
   * @returns the status that is stored now; undefined when the run is gone
   * @throws ApiError
   */
  async store(
    { namespace, name, uid }: RunName,
    patience: Patience,
    change: (spec: AnalysisRunSpec, status: AnalysisRunStatus | undefined) => AnalysisRunStatus,
  ): Promise<AnalysisRunStatus | undefined> {
    const { analysisRuns } = this.#caches;
    let run = analysisRuns.store.get({ namespace, name });
    for (let attempt = 1; run?.metadata.uid === uid; attempt++) {
      const spec = runSpecOf(run);
      if (!spec) return undefined;
      const next = change(spec, runStatusOf(run));
      const diff = mergeDiff(run['status'], next);
      if (!diff) return next;
      try {
        const body = { metadata: { resourceVersion: run.metadata.resourceVersion }, status: diff };
        const options = { ...WRITE, subresource: 'status' };
        await this.#client.patch(RESOURCES.analysisRuns, { namespace, name }, { kind: 'merge', body }, options);
        return next;
      } catch (error) {
        const { code, retryAfterMs } = error instanceof ApiError ? error : {};
        const isAskedToWait = retryAfterMs !== undefined;
        const again = code && patience.after.includes(code) && !isAskedToWait && attempt < patience.attempts;
        if (!again && code !== 'notFound') throw error;
        run = await this.#liveReader.readOne(analysisRuns, { namespace, name });
        if (!again && run?.metadata.uid === uid) throw error;
      }
    }
    return undefined;
  }
}
