import { builtinSchemas } from './builtin-schemas.gen.ts';
import type { Schema } from './schema.ts';

type Raw = { [key: string]: unknown };

const linked = new Map<string, Schema>();

/** Definitions that hold arbitrary JSON although the published document says only `object`. */
const opaque = new Set(['apimachinery.pkg.apis.meta.v1.FieldsV1', 'apimachinery.pkg.runtime.RawExtension']);

/**
 * The schema of a built-in definition, for example `api.core.v1.Pod`, with every `$ref` resolved. Unknown names are a
 * bug of the caller and throw.
 */
export function builtinSchema(name: string): Schema {
  const known = linked.get(name);
  if (known !== undefined) return known;
  const raw = builtinSchemas[name];
  if (raw === undefined) throw new Error(`no built-in schema is called ${name}`);
  const schema: Schema = {};
  linked.set(name, schema);
  Object.assign(schema, link(raw as Raw));
  if (opaque.has(name) || name.endsWith('.JSONSchemaProps') || name.endsWith('.JSON')) {
    schema['x-kubernetes-preserve-unknown-fields'] = true;
    delete schema.properties;
  }
  return schema;
}

/** Copies a schema with its references resolved. A reference with siblings becomes a shallow copy plus the siblings. */
function link(raw: Raw): Raw {
  const out: Raw = {};
  for (const [key, value] of Object.entries(raw)) {
    if (key === '$ref') continue;
    if (key === 'properties') {
      const required = Array.isArray(raw.required) ? raw.required : [];
      const children = Object.entries(value as Raw);
      out[key] = Object.fromEntries(
        children.map(([name, child]) => [name, linkChild(child as Raw, required.includes(name))]),
      );
    } else if (key === 'items' || (key === 'additionalProperties' && typeof value === 'object')) {
      out[key] = linkChild(value as Raw, false);
    } else {
      out[key] = value;
    }
  }
  return out;
}

function linkChild(raw: Raw, isRequired: boolean): Schema {
  const isStruct = typeof raw.default === 'object' && typeof raw.$ref === 'string';
  const siblings = { ...link(raw), ...(isRequired || isStruct ? { heldByValue: true } : {}) } as Schema;
  if (typeof raw.$ref !== 'string') return siblings;
  const target = builtinSchema(raw.$ref);
  if (Object.keys(siblings).length === 0) return target;
  // Reads through to the definition, because a cyclic one may not be filled yet.
  return Object.assign(Object.create(target) as Schema, siblings);
}
