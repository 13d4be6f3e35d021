import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { KINDS } from '../../src/api/kinds.ts';
import { notYet, withRules } from '../../src/api/schema-rules.ts';
import { crdOf } from '../../tools/gen/crds.ts';
import { structuralSchema } from '../../tools/gen/structural-schema.ts';

type Rules = { readonly 'x-kubernetes-validations'?: readonly unknown[] };

it('rules that are added to a schema leave those that it has', () => {
  const inner = withRules(z.string(), [{ rule: 'a', message: 'A', holds: () => true }]);
  const outer = withRules(inner, [{ rule: 'b', message: 'B', holds: () => true }]);
  expect((structuralSchema(outer) as Rules)['x-kubernetes-validations']).toEqual([
    { rule: 'a', message: 'A' },
    { rule: 'b', message: 'B' },
  ]);
});

it('of the kinds only what runs is part of "all": what configures it, or is for the whole cluster, outlives `kubectl delete all --all`', () => {
  const inAll = KINDS.filter(kind => JSON.stringify(crdOf(kind)).includes('"categories":["all",')).map(
    ({ kind }) => kind,
  );
  expect(inAll).toEqual(['Rollout', 'AnalysisRun']);
});

it('no rule looks at the text of what may be an integer too: before 1.33 the API server takes it for endless and refuses the definition', () => {
  const ruled: unknown[] = [];
  const visit = (node: unknown) => {
    if (typeof node !== 'object' || node === null) return;
    const { 'x-kubernetes-int-or-string': either, 'x-kubernetes-validations': rules = [] } = node as {
      'x-kubernetes-int-or-string'?: boolean;
      'x-kubernetes-validations'?: { rule: string }[];
    };
    if (either) ruled.push(...rules.filter(({ rule }) => rule !== 'false'));
    Object.values(node).forEach(visit);
  };
  for (const kind of KINDS) visit(crdOf(kind));
  expect(ruled).toEqual([]);
});

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
