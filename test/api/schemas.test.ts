import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { load } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import { KINDS } from '../../src/api/kinds.ts';
import { SPEC_CORPUS } from '../support/spec-corpus.ts';

describe.each(KINDS)('the schema of $kind', ({ kind, spec: schema }) => {
  const ours = SPEC_CORPUS.filter(row => row.kind === kind);

  it('has both good and broken specs in the corpus, each under its own name', () => {
    expect(ours.some(row => row.error === undefined) && ours.some(row => row.error !== undefined)).toBe(true);
    expect(new Set(ours.map(row => row.name)).size).toBe(ours.length);
  });

  it.each(ours.filter(row => row.error === undefined))('accepts $name, and leaves nothing out', ({ spec }) => {
    const written: unknown = JSON.parse(JSON.stringify(spec));
    expect(schema.parse(written)).toEqual(written);
  });

  it.each(ours.filter(row => row.error !== undefined))('refuses $name', ({ spec, error }) => {
    const answer = schema.safeParse(JSON.parse(JSON.stringify(spec)));
    expect(answer.error?.issues.map(issue => issue.message).join('\n') ?? 'accepted').toContain(error);
  });
});

describe('a schema', () => {
  it('never writes defaults into what the user declared', () => {
    for (const { kind, spec } of SPEC_CORPUS.filter(row => row.error === undefined)) {
      const schema = KINDS.find(k => k.kind === kind)?.spec;
      const written = JSON.stringify(spec);
      schema?.parse(spec);
      expect(JSON.stringify(spec)).toBe(written);
    }
  });
});

describe.each(KINDS.filter(({ scale }) => scale))('the definition of $kind', ({ plural, scale }) => {
  // Without a value the API server answers the scale subresource with 500, and an autoscaler, which reads it first, never begins.
  it('gives a value to replicas that are left out to an autoscaler', () => {
    const text = readFileSync(join(import.meta.dirname, `../../crds/${plural}.yaml`), 'utf8');
    const { spec } = load(text) as { spec: { versions: { schema: { openAPIV3Schema: Schema } }[] } };
    for (const { schema } of spec.versions) {
      const path = scale?.specReplicasPath.split('.').filter(part => part !== '') ?? [];
      const field = path.reduce<Schema | undefined>((at, part) => at?.properties?.[part], schema.openAPIV3Schema);
      expect(field).toMatchObject({ type: 'integer', default: 1 });
    }
  });
});

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
}
