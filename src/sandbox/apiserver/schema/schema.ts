import type { JsonValue } from '../json.ts';

/** An `x-kubernetes-validations` rule. */
export interface ValidationRule {
  rule: string;
  message?: string;
  messageExpression?: string;
  reason?: string;
  fieldPath?: string;
  optionalOldSelf?: boolean;
}

/**
 * An OpenAPI v3 schema with Kubernetes' extensions, as found in a CRD or in the published documents of the built-in
 * kinds (whose `$ref`s are resolved to object references when they are linked, so a schema may be cyclic).
 */
export interface Schema {
  type?: string;
  format?: string;
  description?: string;
  default?: JsonValue;
  nullable?: boolean;
  enum?: JsonValue[];
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: Schema | boolean;
  items?: Schema;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: boolean;
  exclusiveMaximum?: boolean;
  multipleOf?: number;
  minLength?: number;
  maxLength?: number;
  pattern?: string;
  minItems?: number;
  maxItems?: number;
  uniqueItems?: boolean;
  minProperties?: number;
  maxProperties?: number;
  allOf?: Schema[];
  anyOf?: Schema[];
  oneOf?: Schema[];
  not?: Schema;
  /** Built-in kinds only: the real server's typed object always has this field, even where the JSON leaves it out. */
  heldByValue?: boolean;
  'x-kubernetes-preserve-unknown-fields'?: boolean;
  'x-kubernetes-embedded-resource'?: boolean;
  'x-kubernetes-int-or-string'?: boolean;
  'x-kubernetes-list-type'?: 'atomic' | 'set' | 'map';
  'x-kubernetes-list-map-keys'?: string[];
  'x-kubernetes-map-type'?: 'atomic' | 'granular';
  'x-kubernetes-validations'?: ValidationRule[];
  'x-kubernetes-patch-strategy'?: string;
  'x-kubernetes-patch-merge-key'?: string;
}

/** True where a value may be an integer or a string (`25`, `"25%"`). */
export function isIntOrString(schema: Schema | undefined): boolean {
  return schema?.['x-kubernetes-int-or-string'] === true || schema?.format === 'int-or-string';
}

/** True where fields that the schema does not name are kept. */
export function preservesUnknown(schema: Schema | undefined): boolean {
  return schema === undefined || schema['x-kubernetes-preserve-unknown-fields'] === true;
}

/** The schema of a field: its own, or that of additional properties; undefined when the schema says nothing of it. */
export function fieldSchema(schema: Schema | undefined, key: string): Schema | undefined {
  const own = schema?.properties;
  if (own !== undefined && Object.hasOwn(own, key)) return own[key];
  const rest = schema?.additionalProperties;
  return typeof rest === 'object' ? rest : undefined;
}

/** True for a field that the schema declares by name. */
export function isNamedField(schema: Schema | undefined, key: string): boolean {
  return schema?.properties !== undefined && Object.hasOwn(schema.properties, key);
}
