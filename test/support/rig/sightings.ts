import { setTimeout as sleep } from 'node:timers/promises';
import { type ApiClient, ApiFailure } from '../control-plane/api-client.ts';
import { watchObjects } from '../control-plane/watch-objects.ts';
import { SHOP } from './shop-manifests.ts';
import type { SeenStatus, Team } from './team.ts';

/** One state of the Rollout that a watch showed. */
export interface Sighting {
  readonly atMs: number;
  /** The resource version, which only rises. */
  readonly version: number;
  readonly generation: number;
  readonly status: SeenStatus;
}

/** What a watch shows of a team's Rollout, and waiting for it. */
export interface Sightings extends Pick<Team, 'until' | 'untilStatus' | 'untilNow' | 'sightings'> {
  /** What the Rollout is now, and was, does not count any more for who waits for a status. */
  mark(): Promise<void>;
  /** From now on only a status with the answer to that command counts. */
  expectAnswerTo(command: string): void;
  stop(): Promise<void>;
}

const WAIT_MS = 60_000;
const COLLECTION = '/apis/sluice.dev/v1alpha1/namespaces';

/** Starts to watch the Rollout of a namespace, which need not be there yet. */
export async function startSightings(client: ApiClient, namespace: string): Promise<Sightings> {
  const path = `${COLLECTION}/${namespace}/rollouts`;
  const sightings: Sighting[] = [];
  const watch = await watchObjects(client, path, {
    onObject: object => {
      const { generation = 0, resourceVersion } = object.metadata;
      const status = (object['status'] ?? {}) as SeenStatus;
      sightings.push({ atMs: Date.now(), version: Number(resourceVersion), generation, status });
    },
    onGone: () => {},
  });
  const counting: { after: number; command: string | undefined } = { after: 0, command: undefined };
  const now = () =>
    client.get(`${path}/${SHOP}`).catch(error => {
      if (error instanceof ApiFailure && error.status === 404) return undefined;
      throw error;
    });
  const until: Team['until'] = async (what, check, timeoutMs = WAIT_MS) => {
    const deadline = Date.now() + timeoutMs;
    while (!(await check())) {
      if (Date.now() > deadline) {
        const last = JSON.stringify(sightings.at(-1)?.status, undefined, 1);
        const seen = sightings.slice(-15).map(describeSighting).join('\n');
        throw new Error(`${namespace}: did not happen within ${timeoutMs} ms: ${what}\n${seen}\n${last}`);
      }
      await sleep(250);
    }
  };
  const waitFor =
    (find: (matches: (one: Sighting) => boolean) => Sighting | undefined): Team['untilStatus'] =>
    async (what, check, timeoutMs) => {
      // What was written before this call counts, so the present generation is asked for, not taken from a watch that may lag.
      const generation = (await now())?.metadata.generation ?? 0;
      const matches = ({ version, status }: Sighting) =>
        version > counting.after &&
        Number(status['observedGeneration'] ?? 0) >= generation &&
        (counting.command === undefined || status.lastCommand?.id === counting.command) &&
        check(status);
      const found = () => find(matches);
      await until(what, () => found() !== undefined, timeoutMs);
      const { version, status } = found() as Sighting;
      counting.after = version - 1;
      return status;
    };
  return {
    until,
    untilStatus: waitFor(matches => sightings.find(matches)),
    untilNow: waitFor(matches => sightings.slice(-1).find(matches)),
    sightings: () => sightings,
    mark: async () => {
      const version = Number((await now())?.metadata.resourceVersion ?? Number.NaN);
      if (Number.isNaN(version)) counting.command = undefined;
      else counting.after = version;
    },
    expectAnswerTo: command => {
      counting.command = command;
    },
    stop: () => watch.stop(),
  };
}

function describeSighting({ atMs, generation, status }: Sighting): string {
  const { phase, canary, step, weights, pause, message } = status;
  const trial = `canary ${canary?.revision} step ${step?.index} weight ${weights?.actualCanary} pause ${pause?.reason}`;
  return `${new Date(atMs).toISOString().slice(11, 23)} generation ${generation} ${phase} ${trial}: ${message}`;
}
