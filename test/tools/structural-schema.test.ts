import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { intOrPercentSchema, notYet, refuseNotYet, withRules } from '../../src/api/schema-rules.ts';
import { structuralSchema } from '../../tools/gen/structural-schema.ts';

type Rules = { readonly 'x-kubernetes-validations'?: readonly { readonly rule: string }[] };

const rulesOf = (schema: Rules | undefined) => schema?.['x-kubernetes-validations']?.map(({ rule }) => rule);

describe('a field that must not be given', () => {
  it('is refused where it stands, so that objects without it cost no rule', () => {
    const schema = withRules(z.object({ here: z.string(), later: notYet('Later.') }), [refuseNotYet('later', 'wait')]);
    const made = structuralSchema(schema) as Rules & { properties: Record<string, Rules> };
    expect([rulesOf(made), rulesOf(made.properties['here'])]).toEqual([undefined, undefined]);
    expect(made.properties['later']?.['x-kubernetes-validations']).toEqual([
      { rule: 'false', message: 'later is not supported in this version: wait' },
    ]);
  });

  it('keeps the rules that it has', () => {
    const schema = withRules(z.object({ surge: intOrPercentSchema.optional() }), [refuseNotYet('surge', 'wait')]);
    const { properties } = structuralSchema(schema) as { properties: Record<string, Rules> };
    expect(rulesOf(properties['surge'])).toEqual([expect.stringContaining('matches'), 'false']);
  });

  it('must be a field', () => {
    const schema = withRules(z.object({ here: z.string() }), [refuseNotYet('hear', 'wait')]);
    expect(() => structuralSchema(schema)).toThrow('there is no field hear to refuse');
  });
});
