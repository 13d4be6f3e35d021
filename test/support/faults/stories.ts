import type { KubeObject } from '../control-plane/api-client.ts';
import { CANARY_SERVICES, canary, gate, pauseOf } from '../matrix/canary-strategy.ts';
import type { Change } from '../matrix/cluster-history.ts';
import { type Declared, rollout, surroundings } from '../matrix/shop-objects.ts';
import type { Stage } from '../matrix/stage.ts';
import type { Workload } from '../matrix/workloads.ts';

const PAUSE_MS = 1_000;
/** The API server says to the second when a run was made: its first measurement comes after so long, or up to a second earlier. */
const DOOM_MS = 6_500;

/** Image of the revision that is stable when faults begin, and of the one that is tried. */
export const STABLE = 'shop:1.0.0';
export const TRIED = 'shop:1.1.0';

const pause = pauseOf(PAUSE_MS);

const PROMOTED = canary([{ setWeight: 20 }, pause, gate('good'), { setWeight: 60 }, pause]);
/** The strategy of the story `abort`: the background analysis begins at the second weight and fails with its first measurement. */
export const ABORTED = canary([{ setWeight: 20 }, pause, { setWeight: 60 }, { pause: { duration: '60s' } }], {
  analysis: { templates: [{ templateName: 'bad' }], startingStep: 3 },
});
/** The strategy of the story `held`. */
export const HELD = canary([{ setWeight: 20 }, { pause: {} }, { setWeight: 60 }, pause]);
/** The strategy of the story `doomed`: the background analysis begins at the only weight; its first measurement comes late, and is bad. */
const DOOMED = canary([{ setWeight: 20 }, { pause: { duration: '60s' } }], {
  analysis: { templates: [{ templateName: 'doom' }], startingStep: 1 },
});

const DOOM: Declared = {
  root: '/apis/sluice.dev/v1alpha1',
  plural: 'analysistemplates',
  object: {
    apiVersion: 'sluice.dev/v1alpha1',
    kind: 'AnalysisTemplate',
    metadata: { name: 'doom' },
    spec: {
      metrics: [
        {
          name: 'success-rate',
          initialDelay: `${DOOM_MS}ms`,
          threshold: { min: 0.95 },
          provider: { prometheus: { query: 'up{verdict="bad"}' } },
        },
      ],
    },
  },
};

/** Declares the stable revision and everything around it; resolves when it is healthy. */
export async function deployStable(stage: Stage, strategy: unknown = PROMOTED): Promise<void> {
  await stage.apply([...surroundings(CANARY_SERVICES, true), rollout(STABLE, strategy)]);
  await untilHealthy(stage, STABLE);
}

/** Declares the next revision. */
export async function deliver(stage: Stage, image = TRIED, strategy: unknown = PROMOTED): Promise<void> {
  await stage.apply([rollout(image, strategy)]);
}

/** Everything is as it should stay. */
export async function untilHealthy(stage: Stage, image: string, pods = 2): Promise<void> {
  await stage.until(
    `${image} is stable, with ${pods} pods`,
    () => stage.is('Healthy') && stage.status.stable?.images?.[0] === image && stage.count('pods') === pods,
  );
}

/** It is aborted, and the canary's pods have left. */
export async function untilAborted(stage: Stage): Promise<void> {
  await stage.until('it is aborted and the canary has left', () => stage.is('Aborted') && stage.count('pods') === 2);
}

/** Present weight of the canary in the route. */
export function canaryWeight(stage: Stage): number {
  return weightIn(stage.history.get('httproutes', 'shop'));
}

/** When the canary was first given weight, milliseconds of `performance.now()`; infinite: never. */
export function firstWeightAt(stage: Stage): number {
  const isGiven = ({ plural, object }: Change) => plural === 'httproutes' && weightIn(object) > 0;
  return stage.history.changes().find(isGiven)?.at ?? Number.POSITIVE_INFINITY;
}

function weightIn(route: KubeObject | undefined): number {
  const spec = route?.['spec'] as { rules?: { backendRefs?: { weight?: number }[] }[] } | undefined;
  return spec?.rules?.[0]?.backendRefs?.[1]?.weight ?? 0;
}

/** Waits until the canary has this weight. */
export async function atWeight(stage: Stage, weight: number): Promise<void> {
  await stage.until(`the canary's weight is ${weight}`, () => canaryWeight(stage) === weight);
}

/** Waits until the canary of the story `held` waits for a person. */
export async function untilHeld(stage: Stage): Promise<void> {
  await stage.until('it waits at the first weight', () => stage.is('Paused') && canaryWeight(stage) === 20);
}

/** Does what the story `held` waits for. */
export async function promoteHeld(stage: Stage): Promise<void> {
  await untilHeld(stage);
  await stage.command('promote go-on');
}

/** Waits until the canary of the story `doomed` has users, and its verdict is some seconds away. */
export async function untilDoomed(stage: Stage): Promise<void> {
  const isGated = () => stage.status.step?.index === 1 && stage.count('analysisruns') === 1;
  await stage.until('its analysis has begun', isGated);
}

const weights = { 20: PAUSE_MS, 60: PAUSE_MS };

/** Stories with a stable revision as their prelude, short and with weights that last for a second. */
export const STORIES = {
  promote: {
    name: 'promote',
    prelude: stage => deployStable(stage),
    story: async stage => {
      await deliver(stage);
      await untilHealthy(stage, TRIED);
    },
    leastDwellMs: weights,
  },
  abort: {
    name: 'abort',
    prelude: stage => deployStable(stage, ABORTED),
    story: async stage => {
      await deliver(stage, TRIED, ABORTED);
      await untilAborted(stage);
    },
    leastDwellMs: { 20: PAUSE_MS },
  },
  /** The canary waits for a person at its first weight; whoever tells the story sends `promote`. */
  held: {
    name: 'held',
    prelude: stage => deployStable(stage, HELD),
    story: async stage => {
      await deliver(stage, TRIED, HELD);
      await untilHealthy(stage, TRIED);
    },
    leastDwellMs: { 60: PAUSE_MS },
  },
  /** A canary that fails its measurement at its only weight; seconds go by until then, in which something can go wrong. */
  doomed: {
    name: 'doomed',
    prelude: async stage => {
      await stage.apply([DOOM]);
      await deployStable(stage, DOOMED);
    },
    story: async stage => {
      await deliver(stage, TRIED, DOOMED);
      await untilAborted(stage);
    },
    leastDwellMs: { 20: DOOM_MS - 1_000 },
  },
} satisfies Record<string, Workload>;

/** Name of a story. */
export type StoryName = keyof typeof STORIES;
