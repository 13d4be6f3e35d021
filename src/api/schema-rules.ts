import * as z from 'zod';

/**
 * A cross-field rule, said twice on purpose: `rule` (CEL) lets the API server refuse a bad object before it is
 * stored, `holds` lets the operator and offline tools judge objects that were stored around it. A parity test
 * runs both over the same corpus.
 */
export interface CrossFieldRule<T> {
  readonly rule: string;
  readonly message: string;
  readonly holds: (value: T) => boolean;
  /** Field the message is about, relative to the object, e.g. ".steps". */
  readonly fieldPath?: string;
}

/** Attaches cross-field rules to a schema: as a zod check and as `x-kubernetes-validations` metadata. */
export function withRules<S extends z.ZodType>(schema: S, rules: readonly CrossFieldRule<z.output<S>>[]): S {
  let ruled: z.ZodType = schema;
  for (const { holds, message, fieldPath } of rules) {
    const path = (fieldPath ?? '').split('.').filter(Boolean);
    ruled = ruled.refine(value => holds(value as z.output<S>), { message, path });
  }
  return ruled.meta({
    ...(schema.meta() ?? {}),
    'x-kubernetes-validations': [
      ...rulesOf(schema),
      ...rules.map(({ rule, message, fieldPath }) => ({ rule, message, ...(fieldPath ? { fieldPath } : {}) })),
    ],
  }) as S;
}

function rulesOf(schema: z.ZodType): readonly unknown[] {
  return (schema.meta()?.['x-kubernetes-validations'] as readonly unknown[] | undefined) ?? [];
}

/** Integer, or a percentage such as "25%". A bare number in a string ("25") is refused: is it pods or percent? */
export const intOrPercentSchema = z
  .union([z.int().min(0), z.string().regex(/^[0-9]+%$/)])
  .meta({ 'x-kubernetes-int-or-string': true, 'x-sluice-percent': true });

/** Anything the API server shall keep as it is (pod templates, foreign objects). */
export function opaqueObject(description: string) {
  return z.record(z.string(), z.unknown()).meta({ description, 'x-kubernetes-preserve-unknown-fields': true });
}

/**
 * A field that the contract names and this version does not act on. It is kept in the schema so that the API server
 * answers with a sentence instead of dropping it silently; `instead` tells what to do now. The rule stands at the field, where
 * the API server looks at it only if the field is given: it evaluates the rules of an object on every write, also of its status.
 */
export function notYet(
  field: string,
  instead: string,
  description: string,
  type: 'object' | 'array' | 'string' | 'intOrString' = 'object',
) {
  const message = `${field} is not supported in this version: ${instead}`;
  return withRules(z.unknown(), [{ rule: 'false', message, holds: () => false }])
    .optional()
    .meta({ description, 'x-sluice-not-yet': type });
}

/** CEL: how many of these fields are given. */
export function countOf(fields: readonly string[]): string {
  return fields.map(field => `(has(self.${field}) ? 1 : 0)`).join(' + ');
}

/** Rule that asks for exactly one of the named fields. */
export function exactlyOneOf<T>(fields: readonly string[], what: string): CrossFieldRule<T> {
  return {
    rule: `${countOf(fields)} == 1`,
    message: `${what} needs exactly one of: ${fields.join(', ')}`,
    holds: value => fields.filter(field => (value as Record<string, unknown>)[field] !== undefined).length === 1,
  };
}

/** DNS-1123 name of an object, 1 to 253 characters. */
export const objectNameSchema = z.string().min(1).max(253);

/** String map with bounded size (labels, annotations, header maps). */
export const stringMapSchema = z.record(z.string(), z.string().max(4096));

/** RFC 3339 time. */
export const timeSchema = z.string().meta({ format: 'date-time' });
