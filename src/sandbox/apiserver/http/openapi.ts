import { createHash } from 'node:crypto';
import type { JsonObject, JsonValue } from '../json.ts';
import { clone, isObject, objectAt, stringAt } from '../json.ts';
import { builtinSchemas } from '../schema/builtin-schemas.gen.ts';
import type { Store } from '../storage/store.ts';
import type { TypeRegistry } from '../types/registry.ts';
import type { ResourceType } from '../types/resource-type.ts';
import { apiVersionOf } from '../types/resource-type.ts';

/** `/openapi/v2` as protobuf holds just `swagger: "2.0"` (field 1): clients that need schemas use v3. */
export const openApiV2Protobuf: Buffer = Buffer.from([0x0a, 0x03, ...Buffer.from('2.0')]);

/** `/openapi/v2` as JSON. */
export const openApiV2: JsonObject = {
  swagger: '2.0',
  info: { title: 'Kubernetes', version: 'v1.36.0' },
  paths: {},
  definitions: {},
};

const pathOf = (apiVersion: string): string => (apiVersion.includes('/') ? `apis/${apiVersion}` : `api/${apiVersion}`);

/** `/openapi/v3`: where the document of every group version is; `prefix` stands before every path of this client. */
export function openApiV3Index(registry: TypeRegistry, store: Store, prefix: string): JsonObject {
  const paths: JsonObject = {};
  for (const apiVersion of new Set(registry.all().map(apiVersionOf))) {
    const hash = createHash('sha256').update(`${apiVersion}:${store.list(crdStorage).objects.map(versionOf).join()}`);
    paths[pathOf(apiVersion)] = {
      serverRelativeURL: `${prefix}/openapi/v3/${pathOf(apiVersion)}?hash=${hash.digest('hex').slice(0, 32)}`,
    };
  }
  return { paths };
}

const crdStorage = 'apiextensions.k8s.io/customresourcedefinitions';

function versionOf(object: JsonObject): string {
  const metadata = objectAt(object, 'metadata');
  return `${stringAt(metadata, 'uid') ?? ''}-${String(metadata?.generation ?? '')}`;
}

/** The OpenAPI v3 document of `api/v1` or `apis/<group>/<version>`, or undefined. */
export function openApiV3(registry: TypeRegistry, store: Store, path: string): JsonObject | undefined {
  const apiVersion = path.replace(/^apis?\//, '');
  const types = registry.all().filter(type => apiVersionOf(type) === apiVersion && pathOf(apiVersion) === path);
  if (types.length === 0) return undefined;
  const schemas: JsonObject = {};
  const paths: JsonObject = {};
  for (const type of types) {
    schemas[schemaName(type)] = type.custom ? customSchema(type, store) : {};
    Object.assign(paths, pathsOf(type));
  }
  if (types.some(type => !type.custom)) addBuiltins(types, schemas);
  else addReferenced('apimachinery.pkg.apis.meta.v1.ObjectMeta', schemas);
  return { openapi: '3.0.0', info: { title: 'Kubernetes', version: 'v1.36.0' }, paths, components: { schemas } };
}

function schemaName(type: ResourceType): string {
  if (!type.custom) return `io.k8s.${builtinName(type) ?? `${type.group}.${type.version}.${type.kind}`}`;
  return `${type.group.split('.').reverse().join('.')}.${type.version}.${type.kind}`;
}

function builtinName(type: ResourceType): string | undefined {
  return Object.keys(builtinSchemas).find(name => {
    const schema = builtinSchemas[name];
    const kinds = isObject(schema) ? schema['x-kubernetes-group-version-kind'] : undefined;
    if (!Array.isArray(kinds)) return false;
    return kinds.some(
      item => isObject(item) && item.group === type.group && item.version === type.version && item.kind === type.kind,
    );
  });
}

const gvk = (type: ResourceType): JsonObject => ({ group: type.group, kind: type.kind, version: type.version });

/** The CRD's own schema text, with the references and the kind that clients look for. */
function customSchema(type: ResourceType, store: Store): JsonObject {
  const crd = store.get(crdStorage, '', `${type.plural}.${type.group}`);
  const versions = objectAt(crd, 'spec')?.versions;
  const version = Array.isArray(versions)
    ? versions.find(item => isObject(item) && item.name === type.version)
    : undefined;
  const raw = objectAt(objectAt(isObject(version) ? version : undefined, 'schema'), 'openAPIV3Schema');
  const schema: JsonObject = raw === undefined ? { type: 'object' } : clone(raw);
  const metadata = { allOf: [{ $ref: '#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta' }] };
  const string = { type: 'string' };
  schema.properties = { ...objectAt(schema, 'properties'), apiVersion: string, kind: string, metadata };
  schema['x-kubernetes-group-version-kind'] = [gvk(type)];
  return schema;
}

function addBuiltins(types: readonly ResourceType[], schemas: JsonObject): void {
  for (const type of types) {
    const name = type.custom ? undefined : builtinName(type);
    if (name !== undefined) addReferenced(name, schemas);
  }
}

/** Adds a definition and all it refers to, spelled as the real documents do. */
function addReferenced(name: string, schemas: JsonObject): void {
  const key = `io.k8s.${name}`;
  if (Object.keys(objectAt(schemas, key) ?? {}).length > 0) return;
  schemas[key] = { type: 'object' };
  const rewrite = (value: JsonValue): JsonValue => {
    if (Array.isArray(value)) return value.map(rewrite);
    if (!isObject(value)) return value;
    const out: JsonObject = {};
    for (const [field, child] of Object.entries(value)) {
      if (field !== '$ref' || typeof child !== 'string') out[field] = rewrite(child);
      else {
        addReferenced(child, schemas);
        out.allOf = [{ $ref: `#/components/schemas/io.k8s.${child}` }];
      }
    }
    return out;
  };
  schemas[key] = rewrite(builtinSchemas[name] as JsonValue);
}

const parameter = (name: string): JsonObject => ({ name, in: 'query', schema: { type: 'string', uniqueItems: true } });

/** Enough of the paths for clients to learn that dry run and field validation are supported. */
function pathsOf(type: ResourceType): JsonObject {
  const base = `/${pathOf(apiVersionOf(type))}${type.namespaced ? '/namespaces/{namespace}' : ''}/${type.plural}`;
  const writeParameters = ['dryRun', 'fieldManager', 'fieldValidation'].map(parameter);
  const operation = (action: string, parameters: JsonValue[]): JsonObject => ({
    parameters,
    responses: { '200': { description: 'OK' } },
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': gvk(type),
  });
  return {
    [base]: { get: operation('list', []), post: operation('post', writeParameters) },
    [`${base}/{name}`]: {
      get: operation('get', []),
      put: operation('put', writeParameters),
      patch: operation('patch', [...writeParameters, parameter('force')]),
      delete: operation('delete', [parameter('dryRun')]),
    },
  };
}
