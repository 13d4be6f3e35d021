import { CANARY_SERVICES, canary, gate, pauseOf } from '../matrix/canary-strategy.ts';
import { rollout, surroundings } from '../matrix/shop-objects.ts';
import type { Stage } from '../matrix/stage.ts';
import type { Workload } from '../matrix/workloads.ts';

const PAUSE_MS = 1_000;

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

/** Present weight of the canary in the route. */
export function canaryWeight(stage: Stage): number {
  const spec = stage.history.get('httproutes', 'shop')?.['spec'] as
    | { rules?: { backendRefs?: { weight?: number }[] }[] }
    | undefined;
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
      await stage.until(
        'it is aborted and the canary has left',
        () => stage.is('Aborted') && stage.count('pods') === 2,
      );
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
} satisfies Record<string, Workload>;

/** Name of a story. */
export type StoryName = keyof typeof STORIES;
