import * as fc from 'fast-check';
import { MEASUREMENT_PHASES, type MeasurementPhase } from '../../src/api/analysis-run.ts';

type TemplateState = 'gone' | 'invalid' | 'good';

/** One thing that happens to the world between two passes. */
export type Step =
  | { readonly kind: 'pass' }
  /** The operator dies after that many writes of a pass; the next pass is a new process. */
  | { readonly kind: 'crash'; readonly after: number }
  /** Somebody changes something between decision and action, so that a write in the middle of the plan is refused. */
  | { readonly kind: 'race'; readonly on: 'set' | 'rollout' | 'route'; readonly which: number }
  /** A plan is made, and carried out later by `late`, when the world has moved on. */
  | { readonly kind: 'look' }
  | { readonly kind: 'late' }
  /** A quiet stretch, in which the world follows every pass. */
  | { readonly kind: 'run' }
  | { readonly kind: 'react' }
  /** One part of the cluster is faster than the others. */
  | { readonly kind: 'reactPods' }
  | { readonly kind: 'reactEndpoints' }
  | { readonly kind: 'reactGateway'; readonly answer: 'True' | 'False' }
  /** The gateway's controller goes away, or is back. */
  | { readonly kind: 'gateway'; readonly away: boolean }
  | { readonly kind: 'deleteService'; readonly service: string }
  | { readonly kind: 'steps'; readonly weight: number }
  | { readonly kind: 'time'; readonly ms: number }
  | { readonly kind: 'image'; readonly tag: string }
  | { readonly kind: 'replicas'; readonly count: number }
  | { readonly kind: 'sample'; readonly outcome: MeasurementPhase }
  | { readonly kind: 'command'; readonly verb: string }
  | { readonly kind: 'pods'; readonly tag: string; readonly available: number }
  | { readonly kind: 'route'; readonly weight: number }
  | { readonly kind: 'dropSelector'; readonly service: string }
  | { readonly kind: 'deleteSet' }
  /** A delivery from end to end, as far as it gets: in each round the world follows, is measured, and time passes. */
  | {
      readonly kind: 'deliver';
      readonly tag: string;
      readonly template: TemplateState;
      readonly rounds: number;
      readonly outcome: MeasurementPhase | 'none';
      readonly verb: 'promote' | 'promote-full' | 'none';
    }
  /** Somebody deletes, breaks or restores the analysis template. */
  | { readonly kind: 'template'; readonly state: TemplateState }
  | { readonly kind: 'pauseSpec'; readonly paused: boolean };

/** Services that stories are about. */
export const SERVICES = ['stable', 'canary', 'active', 'preview'];
const tags = fc.constantFrom('1', '2', '3', '4');
const templateStates = fc.constantFrom<TemplateState[]>('good', 'good', 'gone', 'invalid');
/** Any step; a story is an array of them. */
export const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.constant<Step>({ kind: 'pass' }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('crash' as const), after: fc.nat(4) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('race' as const),
      on: fc.constantFrom('set' as const, 'rollout' as const, 'route' as const),
      which: fc.nat(3),
    }),
  },
  { weight: 3, arbitrary: fc.constant<Step>({ kind: 'run' }) },
  { weight: 1, arbitrary: fc.constant<Step>({ kind: 'look' }) },
  { weight: 1, arbitrary: fc.constant<Step>({ kind: 'late' }) },
  { weight: 6, arbitrary: fc.constant<Step>({ kind: 'react' }) },
  { weight: 2, arbitrary: fc.constant<Step>({ kind: 'reactPods' }) },
  { weight: 2, arbitrary: fc.constant<Step>({ kind: 'reactEndpoints' }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('reactGateway' as const),
      answer: fc.constantFrom('True' as const, 'True' as const, 'False' as const),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('gateway' as const), away: fc.boolean() }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('deleteService' as const), service: fc.constantFrom(...SERVICES) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('steps' as const), weight: fc.integer({ min: 1, max: 100 }) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('time' as const), ms: fc.constantFrom(1, 1_000, 31_000, 400_000) }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('image' as const), tag: tags }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('replicas' as const), count: fc.integer({ min: 0, max: 6 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('sample' as const),
      outcome: fc.constantFrom(...MEASUREMENT_PHASES, 'Successful' as const, 'Successful' as const),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('command' as const),
      verb: fc.constantFrom(
        'promote',
        'promote-full',
        'abort',
        'retry',
        'pause',
        'resume',
        'release-quarantine',
        'nonsense',
      ),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('pods' as const), tag: tags, available: fc.nat(4) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('route' as const), weight: fc.integer({ min: 0, max: 100 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('dropSelector' as const), service: fc.constantFrom(...SERVICES) }),
  },
  { weight: 1, arbitrary: fc.constant<Step>({ kind: 'deleteSet' }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('template' as const), state: templateStates }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('deliver' as const),
      tag: tags,
      template: templateStates,
      rounds: fc.integer({ min: 1, max: 6 }),
      outcome: fc.constantFrom('none' as const, 'NoData' as const, 'Inconclusive' as const, 'Successful' as const),
      verb: fc.constantFrom('none' as const, 'promote' as const, 'promote' as const, 'promote-full' as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('pauseSpec' as const), paused: fc.boolean() }) },
);
