import * as z from 'zod';
import { durationSchema } from './duration.ts';
import { notYet, objectNameSchema, stringMapSchema, withRules } from './schema-rules.ts';

/** Name of the MetricProvider that serves templates which name none. */
export const DEFAULT_PROVIDER = 'default';

/** A key of a Secret in the operator's namespace. */
export const secretKeySchema = z.object({ name: objectNameSchema, key: z.string().min(1).max(253) });

const httpUrl = z
  .string()
  .max(2048)
  .regex(/^https?:\/\/[^\s@]+$/);

export const metricProviderSpecSchema = withRules(
  z.object({
    type: z.enum(['prometheus']),
    address: httpUrl.meta({ description: 'Base URL, with any path prefix. Only this address is ever called.' }),
    timeout: durationSchema.optional().meta({ description: 'Of one query. Default 10s.' }),
    headers: stringMapSchema.optional(),
    secretHeaders: z
      .array(z.object({ name: z.string().min(1).max(256), secretKeyRef: secretKeySchema }))
      .max(20)
      .optional(),
    queryParameters: stringMapSchema.optional(),
    tenant: z.string().max(256).optional().meta({ description: 'Sent as X-Scope-OrgID.' }),
    auth: withRules(
      z.object({
        basic: z.object({ username: z.string().max(256), passwordSecretRef: secretKeySchema }).optional(),
        bearer: z.object({ tokenSecretRef: secretKeySchema }).optional(),
        oauth2: notYet('oauth2', 'use bearer with a token that something else renews', 'OAuth 2.0 client credentials.'),
        sigv4: notYet('sigv4', 'put a signing proxy in front', 'AWS Signature Version 4.'),
      }),
      [
        {
          rule: '!(has(self.basic) && has(self.bearer))',
          message: 'auth has either basic or bearer',
          holds: a => !(a.basic !== undefined && a.bearer !== undefined),
        },
      ],
    ).optional(),
    tls: z
      .object({
        caSecretRef: secretKeySchema.optional(),
        clientCertSecretRef: secretKeySchema.optional(),
        clientKeySecretRef: secretKeySchema.optional(),
        serverName: z.string().max(253).optional(),
      })
      .optional(),
    namespaces: z.array(objectNameSchema).max(1000).optional().meta({ description: 'Who may use it; absent: all.' }),
  }),
  [
    {
      rule: '!has(self.tls) || has(self.tls.clientCertSecretRef) == has(self.tls.clientKeySecretRef)',
      message: 'tls needs clientCertSecretRef and clientKeySecretRef together',
      holds: p => (p.tls?.clientCertSecretRef === undefined) === (p.tls?.clientKeySecretRef === undefined),
    },
  ],
);

export type MetricProviderSpec = z.infer<typeof metricProviderSpecSchema>;
export type SecretKey = z.infer<typeof secretKeySchema>;
