import type { IncomingMessage, ServerResponse } from 'node:http';
import { badRequest, forbiddenField, invalid, methodNotAllowed, noSuchResource, required } from '../api-error.ts';
import type { JsonObject, JsonValue, KubeObject } from '../json.ts';
import { isObject, stringAt } from '../json.ts';
import { PROTOBUF } from '../protobuf/decode-body.ts';
import type { ServerContext } from '../rest/context.ts';
import { patchTypes, unsupportedMediaType } from '../rest/patcher.ts';
import type { Page } from '../rest/reader.ts';
import type { Resources } from '../rest/resources.ts';
import type { Subresource, WriteOptions } from '../rest/write-options.ts';
import type { IncludeObject } from '../table/table.ts';
import { toPartial, toTable } from '../table/table.ts';
import type { ResourceType } from '../types/resource-type.ts';
import { apiVersionOf } from '../types/resource-type.ts';
import type { Form } from './accept.ts';
import { negotiate, notAcceptable } from './accept.ts';
import { deleteOptions, listQuery, writeOptions } from './query-options.ts';
import { mediaTypeOf, parseBody, readBody } from './read-body.ts';
import type { ResourceRequest } from './request-info.ts';
import { sendJson } from './respond.ts';
import { WatchStream } from './watch-stream.ts';

/** What the audit hook learns of a request besides its outcome. */
export interface RequestNote {
  verb: string;
  name: string;
  responseRV: string;
}

/** One request on a resource. */
export interface ResourceCall {
  request: IncomingMessage;
  response: ServerResponse;
  query: URLSearchParams;
  target: ResourceRequest;
  user: string;
  note: RequestNote;
}

/** Serves the verbs of stored resources over HTTP. */
export class ResourceHandler {
  private readonly context: ServerContext;
  private readonly resources: Resources;
  private readonly bookmarkIntervalMs: number;
  private readonly openWatches = new Set<WatchStream>();

  constructor(context: ServerContext, resources: Resources, bookmarkIntervalMs: number) {
    this.context = context;
    this.resources = resources;
    this.bookmarkIntervalMs = bookmarkIntervalMs;
  }

  /** Answers one request; throws an `ApiError` for what fails. */
  async handle(call: ResourceCall): Promise<void> {
    const { target, request } = call;
    const type = this.resources.typeOf(target.apiVersion, target.plural);
    if (!type.namespaced && target.namespace !== undefined) throw noSuchResource();
    const subresource = subresourceOf(type, target);
    const method = request.method ?? 'GET';
    call.note.name = target.name ?? '';
    if (target.name === undefined) return this.onCollection(type, method, call);
    if (type.namespaced && target.namespace === undefined) throw noSuchResource();
    const key = { namespace: target.namespace ?? '', name: target.name };
    call.note.verb = { GET: 'get', PUT: 'update', PATCH: 'patch', DELETE: 'delete' }[method] ?? method.toLowerCase();
    if (method === 'GET') {
      if (isWatch(call.query)) return this.watch(type, call, target.name);
      return this.reply(type, call, 200, this.resources.get(type, key, subresource), subresource);
    }
    if (method === 'PUT') {
      const options = this.writeOptions(call, subresource);
      const body = await this.body(call);
      return this.replyWrite(type, call, 200, this.resources.update(type, key, body, options), options);
    }
    if (method === 'PATCH') return this.patch(type, call, key, subresource);
    if (method === 'DELETE' && subresource === undefined) return this.delete(type, call, key);
    throw methodNotAllowed();
  }

  /** Ends every open watch, as a server that shuts down does. */
  endWatches(): void {
    for (const watch of this.openWatches) watch.end();
    this.openWatches.clear();
  }

  private async onCollection(type: ResourceType, method: string, call: ResourceCall): Promise<void> {
    const { target, query } = call;
    if (method === 'GET') {
      if (isWatch(query)) return this.watch(type, call, undefined);
      call.note.verb = 'list';
      return this.list(type, call);
    }
    if (type.namespaced && target.namespace === undefined) throw methodNotAllowed();
    if (method === 'POST') {
      call.note.verb = 'create';
      const options = this.writeOptions(call, undefined);
      const object = this.resources.create(type, target.namespace ?? '', await this.body(call), options);
      call.note.name = stringAt(object.metadata, 'name') ?? '';
      return this.replyWrite(type, call, 201, object, options);
    }
    if (method !== 'DELETE') throw methodNotAllowed();
    call.note.verb = 'deletecollection';
    const options = deleteOptions(query, await this.optionalBody(call));
    const items = this.resources.deleteCollection(type, target.namespace ?? '', listQuery(query), options);
    const resourceVersion = String(this.context.store.resourceVersion);
    this.sendList(type, call, { items, resourceVersion, continueToken: undefined, remaining: undefined });
  }

  private async patch(
    type: ResourceType,
    call: ResourceCall,
    key: { namespace: string; name: string },
    subresource: Subresource | undefined,
  ): Promise<void> {
    const mediaType = mediaTypeOf(call.request.headers['content-type']);
    const known = Object.values(patchTypes).find(name => name === mediaType);
    if (known === undefined) throw unsupportedMediaType(type);
    const options = { ...this.writeOptions(call, subresource), force: call.query.get('force') === 'true' };
    const patchOptions = { group: 'meta.k8s.io', kind: 'PatchOptions' };
    if (known === patchTypes.apply && (call.query.get('fieldManager') ?? '') === '') {
      throw invalid(patchOptions, '', [required('fieldManager', 'is required for apply patch')]);
    }
    if (known !== patchTypes.apply && call.query.has('force')) {
      throw invalid(patchOptions, '', [forbiddenField('force', 'may not be specified for non-apply patch')]);
    }
    const body = parseBody(await readBody(call.request), mediaType);
    const { object, created } = this.resources.patch(type, key, known, body, options);
    call.note.verb = known === patchTypes.apply ? 'apply' : 'patch';
    this.replyWrite(type, call, created ? 201 : 200, object, options);
  }

  private async delete(
    type: ResourceType,
    call: ResourceCall,
    key: { namespace: string; name: string },
  ): Promise<void> {
    const options = deleteOptions(call.query, await this.optionalBody(call));
    const { object, gone } = this.resources.delete(type, key, options);
    call.note.responseRV = stringAt(object.metadata, 'resourceVersion') ?? '';
    if (!gone || object.kind === 'Pod' || object.kind === 'Service') {
      this.reply(type, call, 200, object);
      return;
    }
    const details: JsonObject = {
      name: key.name,
      ...(type.group === '' ? {} : { group: type.group }),
      kind: type.plural,
    };
    details.uid = object.metadata.uid ?? '';
    sendJson(call.response, 200, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details });
  }

  private list(type: ResourceType, call: ResourceCall): void {
    const page = this.resources.reader.list(type, call.target.namespace, listQuery(call.query));
    this.sendList(type, call, page);
  }

  private sendList(type: ResourceType, call: ResourceCall, page: Page): void {
    const metadata: JsonObject = { resourceVersion: page.resourceVersion };
    if (page.continueToken !== undefined) metadata.continue = page.continueToken;
    if (page.remaining !== undefined) metadata.remainingItemCount = page.remaining;
    call.note.responseRV = page.resourceVersion;
    const form = formOf(call);
    if (form === 'table') {
      sendJson(
        call.response,
        200,
        this.table(type, call, page.items, metadata),
        'application/json;as=Table;v=v1;g=meta.k8s.io',
      );
      return;
    }
    if (form === 'partial') {
      const items = page.items.map(toPartial);
      sendJson(call.response, 200, {
        kind: 'PartialObjectMetadataList',
        apiVersion: 'meta.k8s.io/v1',
        metadata,
        items,
      });
      return;
    }
    sendJson(call.response, 200, {
      kind: type.listKind,
      apiVersion: apiVersionOf(type),
      metadata,
      items: type.custom ? page.items : page.items.map(withoutKind),
    });
  }

  private table(type: ResourceType, call: ResourceCall, items: KubeObject[], metadata: JsonObject): JsonObject {
    return toTable(type, items, {
      include: includeOf(call.query),
      nowMs: this.context.now(),
      withColumns: true,
      metadata,
    });
  }

  private watch(type: ResourceType, call: ResourceCall, name: string | undefined): void {
    const { query, response, target } = call;
    call.note.verb = 'watch';
    const fields = query.get('fieldSelector') ?? '';
    const only = name === undefined ? '' : `metadata.name=${name}`;
    const timeout = Number(query.get('timeoutSeconds') ?? '0');
    const initial = query.get('sendInitialEvents');
    const stream = new WatchStream(
      this.context,
      type,
      {
        namespace: target.namespace,
        labelSelector: query.get('labelSelector') ?? '',
        fieldSelector: [fields, only].filter(text => text !== '').join(','),
        resourceVersion: query.get('resourceVersion') ?? '',
        resourceVersionMatch: query.get('resourceVersionMatch') ?? '',
        sendInitialEvents: initial === null || initial === '' ? undefined : initial === 'true' || initial === '1',
        allowBookmarks: ['true', '1'].includes(query.get('allowWatchBookmarks') ?? ''),
        timeoutSeconds: Number.isFinite(timeout) && timeout > 0 ? timeout : undefined,
        form: formOf(call),
        include: includeOf(query),
      },
      response,
    );
    this.openWatches.add(stream);
    response.on('close', () => this.openWatches.delete(stream));
    try {
      stream.start(this.bookmarkIntervalMs);
    } catch (error) {
      this.openWatches.delete(stream);
      throw error;
    }
  }

  private reply(
    type: ResourceType,
    call: ResourceCall,
    code: number,
    object: KubeObject,
    subresource?: Subresource,
  ): void {
    const resourceVersion = stringAt(object.metadata, 'resourceVersion') ?? '';
    if (call.note.responseRV === '') call.note.responseRV = resourceVersion;
    const form = subresource === 'scale' ? 'object' : formOf(call);
    if (form === 'table') {
      const body = this.table(type, call, [object], { resourceVersion });
      sendJson(call.response, code, body, 'application/json;as=Table;v=v1;g=meta.k8s.io');
    } else {
      sendJson(call.response, code, form === 'partial' ? toPartial(object) : object);
    }
  }

  private replyWrite(
    type: ResourceType,
    call: ResourceCall,
    code: number,
    object: KubeObject,
    options: WriteOptions,
  ): void {
    if (options.warnings.length > 0) {
      const texts = options.warnings
        .slice(0, 20)
        .map(text => `299 - ${JSON.stringify(text.replaceAll(/[^\x20-\x7e]/g, '?'))}`);
      call.response.setHeader('warning', texts);
    }
    this.reply(type, call, code, object, options.subresource);
  }

  private writeOptions(call: ResourceCall, subresource: Subresource | undefined): WriteOptions {
    const who = { user: call.user, userAgent: call.request.headers['user-agent'] ?? '' };
    return { ...writeOptions(call.query, who), subresource };
  }

  private async body(call: ResourceCall): Promise<JsonValue> {
    const mediaType = mediaTypeOf(call.request.headers['content-type']);
    const isKnown = ['', 'application/json', PROTOBUF].includes(mediaType) || mediaType.endsWith('yaml');
    if (!isKnown) throw unsupportedMediaType(undefined);
    return parseBody(await readBody(call.request), mediaType);
  }

  private async optionalBody(call: ResourceCall): Promise<JsonValue | undefined> {
    const body = await readBody(call.request);
    if (body.length === 0) return undefined;
    const value = parseBody(body, mediaTypeOf(call.request.headers['content-type']));
    if (!isObject(value)) throw badRequest('the body must be DeleteOptions');
    return value;
  }
}

/** Lists of built-in kinds name the kind once, not in every item, as a typed encoder does. */
function withoutKind({ apiVersion: _, kind: __, ...item }: KubeObject): JsonObject {
  return item;
}

function isWatch(query: URLSearchParams): boolean {
  const value = query.get('watch');
  return value !== null && value !== 'false' && value !== '0';
}

function formOf(call: ResourceCall): Form {
  const form = negotiate(call.request.headers.accept);
  if (form === undefined) throw notAcceptable();
  return form;
}

function includeOf(query: URLSearchParams): IncludeObject {
  const value = query.get('includeObject');
  return value === 'Object' || value === 'None' ? value : 'Metadata';
}

function subresourceOf(type: ResourceType, target: ResourceRequest): Subresource | undefined {
  if (target.subresource === undefined) return undefined;
  if (target.subresource === 'status' && type.hasStatus) return 'status';
  if (target.subresource === 'scale' && type.scale !== undefined) return 'scale';
  throw noSuchResource();
}
