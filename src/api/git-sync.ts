import * as z from 'zod';
import { conditionsSchema } from './conditions.ts';
import { durationSchema } from './duration.ts';
import { objectNameSchema, timeSchema, withRules } from './schema-rules.ts';

export const gitSyncSpecSchema = withRules(
  z.object({
    repository: z
      .string()
      .max(2048)
      .regex(/^(https?|file):\/\/[^\s@]+$/)
      .meta({ description: 'http(s) or file URL of the repository, without credentials.' }),
    branch: z.string().min(1).max(255),
    path: z
      .string()
      .max(1024)
      .regex(/^[^\s]*$/)
      .optional()
      .meta({ description: 'Folder inside the repository; absent: its root.' }),
    interval: durationSchema.optional().meta({ description: 'Between pulls and drift checks. Default 30s.' }),
    prune: z.boolean().optional().meta({ description: 'Delete what left the repository. Default true.' }),
    suspend: z.boolean().optional(),
    secretRef: z
      .object({ name: objectNameSchema })
      .optional()
      .meta({ description: 'Secret of this namespace with username and password, or bearerToken.' }),
  }),
  [
    {
      rule: "!has(self.path) || !self.path.split('/').exists(part, part == '..')",
      message: 'path must stay inside the repository',
      holds: s => !(s.path ?? '').split('/').includes('..'),
      fieldPath: '.path',
    },
  ],
);

export const gitSyncStatusSchema = z.object({
  observedGeneration: z.int().optional(),
  lastAttemptedRevision: z.string().optional().meta({ description: 'branch@sha1:…' }),
  lastAppliedRevision: z.string().optional(),
  lastSyncedAt: timeSchema.optional(),
  message: z.string().max(4096).optional(),
  inventory: z
    .array(
      z.object({
        id: z.string().meta({ description: '<namespace>_<name>_<group>_<kind>' }),
        version: z.string(),
        digest: z.string(),
        revision: z.string().meta({ description: 'The commit in which this manifest last changed.' }),
      }),
    )
    .max(2000)
    .optional(),
  failures: z
    .array(z.object({ id: z.string(), message: z.string().max(1024) }))
    .max(50)
    .optional(),
  conditions: conditionsSchema.optional(),
});

export type GitSyncSpec = z.infer<typeof gitSyncSpecSchema>;
export type GitSyncStatus = z.infer<typeof gitSyncStatusSchema>;
