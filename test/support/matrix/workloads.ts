import { CANARY_SERVICES, canary, gate, pauseOf } from './canary-strategy.ts';
import { rollout, surroundings } from './shop-objects.ts';
import type { Stage } from './stage.ts';

/** A story that is told again under each fault. */
export interface Workload {
  readonly name: string;
  /** What comes before faults begin. */
  readonly prelude: (stage: Stage) => Promise<void>;
  /** Told under faults; ends when the end state is reached. */
  readonly story: (stage: Stage) => Promise<void>;
  /** Milliseconds that the canary must stay at a weight, by weight. */
  readonly leastDwellMs: Readonly<Record<number, number>>;
}

/** A story with plans for all its writes. */
export interface PlannedWorkload extends Workload {
  /** Writes that it has without faults, at least: about three quarters of them, since the operator may learn to spare some. */
  readonly leastWrites: number;
}

const BLUE_GREEN = ['shop-active', 'shop-preview'] as const;
const V1 = 'shop:1.0.0';
const V2 = 'shop:1.1.0';
const PAUSE_MS = 400;

const pause = pauseOf(PAUSE_MS);

const STEPS = [{ setWeight: 20 }, pause, gate('good'), { setWeight: 60 }, pause];
const PROMOTE = canary(STEPS);
/** The background analysis begins when the second weight is set, and fails with its first measurement. */
const ABORT = canary([...STEPS.slice(0, -1), { pause: { duration: '60s' } }], {
  analysis: { templates: [{ templateName: 'bad' }], startingStep: 4 },
});
const HELD = canary([{ setWeight: 20 }, { pause: {} }, { setWeight: 60 }, pause]);
const blueGreen = (post: 'good' | 'bad') => ({
  blueGreen: {
    activeService: BLUE_GREEN[0],
    previewService: BLUE_GREEN[1],
    scaleDownDelaySeconds: 1,
    abortScaleDownDelaySeconds: 1,
    prePromotionAnalysis: { templates: [{ templateName: 'good' }] },
    postPromotionAnalysis: { templates: [{ templateName: post }] },
  },
});

/** Everything is as it should stay, whatever number the revision has. */
async function untilHealthy(stage: Stage, image: string, pods: number): Promise<void> {
  await stage.until(
    `${image} is stable, with ${pods} pods`,
    () => stage.is('Healthy') && stage.status.stable?.images?.[0] === image && stage.count('pods') === pods,
  );
}

async function untilAborted(stage: Stage): Promise<void> {
  await stage.until('it is aborted, and the canary has left', () => stage.is('Aborted') && stage.count('pods') === 2);
}

const firstDeploy =
  (services: readonly [string, string], strategy: unknown) =>
  async (stage: Stage): Promise<void> => {
    await stage.apply([...surroundings(services, services === CANARY_SERVICES), rollout(V1, strategy)]);
    await untilHealthy(stage, V1, 2);
  };

const held = async (stage: Stage): Promise<void> => {
  await stage.apply([rollout(V2, HELD)]);
  await stage.until('it waits at the first weight', () => stage.is('Paused') && stage.readyPods(V2) === 1);
};

const CANARY_DWELL = { 20: PAUSE_MS, 60: PAUSE_MS };

/** All stories by name. */
export const WORKLOADS: Readonly<Record<string, PlannedWorkload>> = {
  /** The first deploy, and a canary that passes its gate. */
  promote: {
    name: 'promote',
    prelude: async () => {},
    story: async stage => {
      await firstDeploy(CANARY_SERVICES, PROMOTE)(stage);
      await stage.apply([rollout(V2, PROMOTE)]);
      await untilHealthy(stage, V2, 2);
    },
    leastDwellMs: CANARY_DWELL,
    leastWrites: 22,
  },
  /** A canary that fails its measurement at the second weight. */
  abort: {
    name: 'abort',
    prelude: firstDeploy(CANARY_SERVICES, ABORT),
    story: async stage => {
      await stage.apply([rollout(V2, ABORT)]);
      await untilAborted(stage);
    },
    leastDwellMs: { 20: PAUSE_MS },
    leastWrites: 19,
  },
  /** More pods are asked for while the canary waits for a person. */
  replicas: {
    name: 'replicas',
    prelude: firstDeploy(CANARY_SERVICES, HELD),
    story: async stage => {
      await held(stage);
      await stage.change({ spec: { replicas: 5 } });
      await stage.until('stable grows', () => stage.is('Paused') && stage.readyPods(V1) === 5);
      await stage.command('promote go-on');
      await untilHealthy(stage, V2, 5);
    },
    leastDwellMs: { 60: PAUSE_MS },
    leastWrites: 16,
  },
  /** The Rollout is deleted while its canary waits for a person. */
  delete: {
    name: 'delete',
    prelude: firstDeploy(CANARY_SERVICES, HELD),
    story: async stage => {
      await held(stage);
      await stage.deleteRollout();
      const leaves = ['rollouts', 'replicasets', 'controllerrevisions', 'pods'] as const;
      await stage.until('everything it owned is gone', () => leaves.every(plural => stage.count(plural) === 0));
    },
    leastDwellMs: {},
    leastWrites: 5,
  },
  /** Blue-green, measured before and after. */
  'blue-green': {
    name: 'blue-green',
    prelude: firstDeploy(BLUE_GREEN, blueGreen('good')),
    story: async stage => {
      await stage.apply([rollout(V2, blueGreen('good'))]);
      await untilHealthy(stage, V2, 2);
    },
    leastDwellMs: {},
    leastWrites: 15,
  },
  /** Blue-green that fails its measurement after the switch, and goes back. */
  'blue-green-abort': {
    name: 'blue-green-abort',
    prelude: firstDeploy(BLUE_GREEN, blueGreen('bad')),
    story: async stage => {
      await stage.apply([rollout(V2, blueGreen('bad'))]);
      await untilAborted(stage);
    },
    leastDwellMs: {},
    leastWrites: 15,
  },
};
