import * as z from 'zod';
import { analysisUseSchema } from './analysis-template.ts';
import { durationSchema } from './duration.ts';
import { countOf, exactlyOneOf, notYet, withRules } from './schema-rules.ts';

export const canaryScaleSchema = withRules(
  z.object({
    replicas: z.int().min(0).max(100_000).optional(),
    weight: z.int().min(0).max(1_000).optional().meta({ description: 'Percent of spec.replicas; may exceed 100.' }),
    matchTrafficWeight: z.boolean().optional(),
  }),
  [exactlyOneOf(['replicas', 'weight', 'matchTrafficWeight'], 'setCanaryScale')],
);

const STEP_KINDS = ['setWeight', 'pause', 'analysis', 'setCanaryScale'] as const;
const LATER_STEPS = ['setHeaderRoute', 'setMirrorRoute', 'experiment', 'plugin'] as const;

const laterStep = (field: (typeof LATER_STEPS)[number], description: string) =>
  notYet(field, `use ${STEP_KINDS.join(', ')}`, description);

export const canaryStepSchema = withRules(
  z.object({
    setWeight: z.int().min(0).max(1_000_000).optional(),
    pause: z
      .object({ duration: durationSchema.optional().meta({ description: 'Absent: until promoted.' }) })
      .optional(),
    analysis: analysisUseSchema.optional(),
    setCanaryScale: canaryScaleSchema.optional(),
    setHeaderRoute: laterStep('setHeaderRoute', 'Route by header.'),
    setMirrorRoute: laterStep('setMirrorRoute', 'Mirror requests.'),
    experiment: laterStep('experiment', 'Baseline and canary pair.'),
    plugin: laterStep('plugin', 'Step plugin.'),
  }),
  [
    {
      // A step of a later kind is told that, and no more.
      rule: `${countOf(STEP_KINDS)} == 1 || (${countOf(STEP_KINDS)} == 0 && ${countOf(LATER_STEPS)} > 0)`,
      message: `a step needs exactly one of: ${STEP_KINDS.join(', ')}`,
      holds: step => {
        const [kinds, later] = [STEP_KINDS, LATER_STEPS].map(all => all.filter(f => step[f] !== undefined).length);
        return kinds === 1 || (kinds === 0 && later !== 0);
      },
    },
  ],
);

export type CanaryStep = z.infer<typeof canaryStepSchema>;
export type CanaryScale = z.infer<typeof canaryScaleSchema>;
