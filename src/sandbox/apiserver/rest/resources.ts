import { badRequest, genericError, invalid, invalidValue, noSuchResource } from '../api-error.ts';
import type { JsonValue, KubeObject } from '../json.ts';
import { clone, isObject, stringAt } from '../json.ts';
import { builtinSchema } from '../schema/builtin-schema.ts';
import type { ResourceType } from '../types/resource-type.ts';
import { admitBody } from './admit-body.ts';
import type { ServerContext } from './context.ts';
import type { Deleted } from './deleter.ts';
import { Deleter } from './deleter.ts';
import { patched, patchTypes } from './patcher.ts';
import type { ListQuery } from './reader.ts';
import { Reader, selectorOf } from './reader.ts';
import { scaleOf, withScale } from './scale.ts';
import type { DeleteOptions, WriteOptions } from './write-options.ts';
import type { Written } from './writer.ts';
import { Writer } from './writer.ts';

/** Where an object is. `namespace` is empty for cluster-scoped kinds. */
export interface ObjectKey {
  namespace: string;
  name: string;
}

/** The verbs of every stored resource, for HTTP requests and for in-process callers alike. Throws `ApiError`. */
export class Resources {
  readonly reader: Reader;
  readonly deleter: Deleter;
  private readonly writer: Writer;
  private readonly context: ServerContext;

  constructor(context: ServerContext) {
    this.context = context;
    this.reader = new Reader(context);
    this.writer = new Writer(context);
    this.deleter = new Deleter(context);
  }

  /** Reads an object, or its Scale. */
  get(type: ResourceType, key: ObjectKey, subresource?: WriteOptions['subresource']): KubeObject {
    const object = this.reader.get(type, key.namespace, key.name);
    return subresource === 'scale' ? scaleOf(type, object) : object;
  }

  /** Creates an object of a request body; the body is taken over. */
  create(type: ResourceType, namespace: string, body: JsonValue, options: WriteOptions): KubeObject {
    const object = admitBody(type, body, options);
    const inBody = stringAt(object.metadata, 'namespace') ?? '';
    if (type.namespaced && inBody !== '' && inBody !== namespace) throw namespaceMismatch(inBody, namespace);
    return this.writer.create(type, namespace, object, options);
  }

  /** Replaces an object (PUT); a Scale replaces only the replicas. */
  update(type: ResourceType, key: ObjectKey, body: JsonValue, options: WriteOptions): KubeObject {
    if (options.subresource === 'scale') {
      const old = this.reader.get(type, key.namespace, key.name);
      return scaleOf(type, this.writer.update(type, old, withScale(type, old, body), options));
    }
    const object = admitBody(type, body, options);
    checkKey(object, key);
    const old = this.reader.get(type, key.namespace, key.name);
    if (needsVersion(type) && (stringAt(object.metadata, 'resourceVersion') ?? '') === '') {
      const error = invalidValue('metadata.resourceVersion', 0, 'must be specified for an update');
      throw invalid({ group: type.group, kind: type.plural }, key.name, [error]);
    }
    return this.writer.update(type, old, object, options);
  }

  /** Patches an object, or applies a configuration to it. */
  patch(
    type: ResourceType,
    key: ObjectKey,
    mediaType: string,
    patch: JsonValue,
    options: WriteOptions & { force: boolean },
  ): Written {
    if (mediaType === patchTypes.apply) return this.apply(type, key, patch, options);
    const old = this.reader.get(type, key.namespace, key.name);
    if (options.subresource === 'scale') {
      const schema = builtinSchema('api.autoscaling.v1.Scale');
      const scale = patched(type, scaleOf(type, old), mediaType, patch, schema);
      const written = this.writer.update(type, old, withScale(type, old, scale), options);
      return { object: scaleOf(type, written), created: false };
    }
    const next = patched(type, old, mediaType, patch, type.schema);
    if (!isObject(next)) throw badRequest('the patched value is no object');
    const object = admitBody(type, next, options, true);
    checkKey(object, key);
    return { object: this.writer.update(type, old, object, options), created: false };
  }

  private apply(
    type: ResourceType,
    key: ObjectKey,
    body: JsonValue,
    options: WriteOptions & { force: boolean },
  ): Written {
    if (isObject(body) && isObject(body.metadata) && body.metadata.managedFields !== undefined) {
      throw badRequest('metadata.managedFields must be nil');
    }
    if (options.subresource === 'scale') {
      const old = this.reader.get(type, key.namespace, key.name);
      const object = this.writer.update(type, old, withScale(type, old, body), options);
      return { object: scaleOf(type, object), created: false };
    }
    const unknown: string[] = [];
    const lenient = { ...options, fieldValidation: 'Warn' as const, warnings: unknown };
    const config = admitBody(type, clone(body), lenient, true);
    if ((stringAt(config.metadata, 'name') ?? '') === '') {
      throw badRequest(`the name of the object (${key.name} based on URL) was undeterminable: name must be provided`);
    }
    if (unknown.length > 0) throw undeclared(type, config, unknown[0] ?? '');
    checkKey(config, key);
    if (type.namespaced) config.metadata.namespace = key.namespace;
    const stored = this.context.store.get(type.storageKey, key.namespace, key.name);
    const old = stored === undefined ? undefined : (type.fromStorage?.(stored) ?? stored);
    return this.writer.apply(type, key, old, config, options);
  }

  /** Deletes one object. */
  delete(type: ResourceType, key: ObjectKey, options: DeleteOptions): Deleted {
    const deleted = this.deleter.delete(type, key.namespace, key.name, options);
    return { ...deleted, object: type.fromStorage?.(deleted.object) ?? deleted.object };
  }

  /** Deletes everything that the query selects; returns the objects as they were. */
  deleteCollection(type: ResourceType, namespace: string, query: ListQuery, options: DeleteOptions): KubeObject[] {
    const selector = selectorOf(type, query);
    const found = this.context.store.list(type.storageKey, namespace).objects.filter(selector);
    for (const object of found) {
      this.deleter.delete(type, namespace, stringAt(object.metadata, 'name') ?? '', options);
    }
    return found.map(object => type.fromStorage?.(object) ?? object);
  }

  /** The served type, or a 404. */
  typeOf(apiVersion: string, plural: string): ResourceType {
    const type = this.context.registry.get(apiVersion, plural);
    if (type === undefined) throw noSuchResource();
    return type;
  }
}

/** An apply of a field that the schema does not know: the real server answers this with a bare 500. */
function undeclared(type: ResourceType, config: KubeObject, warning: string): Error {
  const { namespace, name } = config.metadata;
  const field = /"(.*)"/.exec(warning)?.[1] ?? '';
  const kind = `${type.group}/${type.version}, Kind=${type.kind}`;
  const what = `${String(namespace ?? '')}/${String(name)}; ${kind}`;
  return genericError(
    500,
    '',
    `failed to create typed patch object (${what}): .${field}: field not declared in schema`,
  );
}

/** Kinds whose objects are never replaced blindly. */
function needsVersion(type: ResourceType): boolean {
  return type.custom || type.kind === 'Lease' || type.kind === 'CustomResourceDefinition';
}

function checkKey(object: KubeObject, key: ObjectKey): void {
  const name = stringAt(object.metadata, 'name') ?? '';
  if (name === '') object.metadata.name = key.name;
  else if (name !== key.name) {
    throw badRequest(`the name of the object (${name}) does not match the name on the URL (${key.name})`);
  }
  const namespace = stringAt(object.metadata, 'namespace') ?? '';
  if (namespace === '' && key.namespace !== '') object.metadata.namespace = key.namespace;
  else if (namespace !== '' && namespace !== key.namespace) throw namespaceMismatch(namespace, key.namespace);
}

function namespaceMismatch(inObject: string, inUrl: string): Error {
  const text = `the namespace of the provided object does not match the namespace sent on the request`;
  return badRequest(inUrl === '' ? `${text} (${inObject})` : text);
}
