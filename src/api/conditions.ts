import * as z from 'zod';
import { timeSchema } from './schema-rules.ts';

/** Condition as kstatus and `kubectl wait` read it. Messages are deterministic and carry no timestamps. */
export const conditionSchema = z.object({
  type: z.string().max(316),
  status: z.enum(['True', 'False', 'Unknown']),
  reason: z.string().max(1024),
  message: z.string().max(32768),
  observedGeneration: z.int().optional(),
  lastTransitionTime: timeSchema,
});

export type Condition = z.infer<typeof conditionSchema>;

/** A condition before the time of its last transition is known. */
export type ConditionClaim = Omit<Condition, 'lastTransitionTime' | 'observedGeneration'>;

export const conditionsSchema = z
  .array(conditionSchema)
  .max(16)
  .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['type'] });
