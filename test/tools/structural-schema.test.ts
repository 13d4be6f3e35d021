import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { notYet } from '../../src/api/schema-rules.ts';
import { structuralSchema } from '../../tools/gen/structural-schema.ts';

type Rules = { readonly 'x-kubernetes-validations'?: readonly unknown[] };

describe('a field that this version does not act on', () => {
  const schema = z.object({ here: z.string(), later: notYet('later', 'wait', 'Later.') });
  const message = 'later is not supported in this version: wait';

  it('is refused where it stands, so that objects without it cost no rule', () => {
    const made = structuralSchema(schema) as Rules & { properties: Record<string, Rules> };
    expect(made['x-kubernetes-validations']).toBeUndefined();
    expect(made.properties['here']).toEqual({ type: 'string' });
    expect(made.properties['later']).toEqual({
      description: 'Later.',
      type: 'object',
      'x-kubernetes-preserve-unknown-fields': true,
      'x-kubernetes-validations': [{ rule: 'false', message }],
    });
  });

  it.each(['array', 'string', 'intOrString'] as const)('of type %s is refused too', type => {
    const typed = z.object({ later: notYet('later', 'wait', 'Later.', type) });
    const { properties } = structuralSchema(typed) as { properties: Record<string, Rules> };
    expect(properties['later']?.['x-kubernetes-validations']).toEqual([{ rule: 'false', message }]);
  });

  it('is refused beside whatever else is wrong, and fine when it is absent', () => {
    expect(schema.safeParse({ here: 'x' }).success).toBe(true);
    const { error } = schema.safeParse({ here: 1, later: {} });
    expect(error?.issues.map(({ path }) => path)).toEqual([['here'], ['later']]);
    expect(error?.issues[1]?.message).toBe(message);
  });
});
