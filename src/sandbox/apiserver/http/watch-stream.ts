import type { ServerResponse } from 'node:http';
import { badRequest, expired } from '../api-error.ts';
import type { JsonObject, JsonValue, KubeObject } from '../json.ts';
import type { ServerContext } from '../rest/context.ts';
import { selectorOf, tooLarge } from '../rest/reader.ts';
import type { Selector } from '../storage/selectors.ts';
import type { StoreEvent } from '../storage/store.ts';
import type { IncludeObject } from '../table/table.ts';
import { toPartial, toTable } from '../table/table.ts';
import type { ResourceType } from '../types/resource-type.ts';
import { apiVersionOf } from '../types/resource-type.ts';
import type { Form } from './accept.ts';

/** A watch request. */
export interface WatchQuery {
  namespace: string | undefined;
  labelSelector: string;
  fieldSelector: string;
  resourceVersion: string;
  resourceVersionMatch: string;
  sendInitialEvents: boolean | undefined;
  allowBookmarks: boolean;
  timeoutSeconds: number | undefined;
  form: Form;
  include: IncludeObject;
}

type EventType = 'ADDED' | 'MODIFIED' | 'DELETED';

const separator = Buffer.from('}\n');
/** A client that lets this much pile up is cut off, as the real server does; it resumes from its last version. */
const largestBacklog = 16 * 1024 * 1024;

/** One open watch: first what the start version asks for, then every later event that the selectors let through. */
export class WatchStream {
  private readonly context: ServerContext;
  private readonly type: ResourceType;
  private readonly query: WatchQuery;
  private readonly response: ServerResponse;
  private readonly selector: Selector;
  private readonly format: string;
  private sentColumns = false;
  private unsubscribe: (() => void) | undefined;
  private timers: NodeJS.Timeout[] = [];
  private closed = false;

  constructor(context: ServerContext, type: ResourceType, query: WatchQuery, response: ServerResponse) {
    this.context = context;
    this.type = type;
    this.query = query;
    this.response = response;
    this.selector = selectorOf(type, query);
    this.format = `${apiVersionOf(type)}|${query.form}|${query.include}`;
  }

  /** Answers the headers and starts; throws an `ApiError` before anything was sent when the start version is unusable. */
  start(bookmarkIntervalMs: number): void {
    const replay = this.initialEvents();
    const { response } = this;
    const as = this.query.form === 'table' ? ';as=Table;v=v1;g=meta.k8s.io' : '';
    response.writeHead(200, { 'content-type': `application/json${as}`, 'transfer-encoding': 'chunked' });
    response.flushHeaders();
    response.on('close', () => this.close());
    replay();
    this.unsubscribe = this.context.store.subscribe(this.type.storageKey, event => this.onEvent(event));
    if (this.query.allowBookmarks) this.timers.push(setInterval(() => this.bookmark(false), bookmarkIntervalMs));
    const { timeoutSeconds } = this.query;
    if (timeoutSeconds !== undefined && timeoutSeconds > 0) {
      this.timers.push(setTimeout(() => this.end(), timeoutSeconds * 1000));
    }
    for (const timer of this.timers) timer.unref();
  }

  /** Ends the answer; the client sees a clean end of the stream. */
  end(): void {
    this.close();
    this.response.end();
  }

  private close(): void {
    this.closed = true;
    this.unsubscribe?.();
    for (const timer of this.timers) clearInterval(timer);
    this.timers = [];
  }

  /** Checks the start version and returns what has to be sent first. */
  private initialEvents(): () => void {
    const { store } = this.context;
    const { resourceVersion, sendInitialEvents, resourceVersionMatch, allowBookmarks } = this.query;
    if (resourceVersion !== '' && !/^\d+$/.test(resourceVersion)) {
      throw badRequest(`Invalid value: ${JSON.stringify(resourceVersion)}: strconv.ParseUint: invalid syntax`);
    }
    const since = Number(resourceVersion === '' ? '0' : resourceVersion);
    if (sendInitialEvents === undefined && resourceVersionMatch !== '') {
      throw badRequest('resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided');
    }
    if (sendInitialEvents !== undefined && resourceVersionMatch !== 'NotOlderThan') {
      throw badRequest('sendInitialEvents requires setting resourceVersionMatch to NotOlderThan');
    }
    if (since > store.resourceVersion && sendInitialEvents === true) throw tooLarge(since, store.resourceVersion);
    if (sendInitialEvents === true || (since === 0 && sendInitialEvents === undefined)) {
      return () => {
        for (const object of store.list(this.type.storageKey, this.query.namespace).objects) {
          if (this.selector(object)) this.write(this.encode('ADDED', object));
        }
        if (sendInitialEvents === true && allowBookmarks) this.bookmark(true);
      };
    }
    if (since === 0) return () => {};
    const events = store.eventsAfter(this.type.storageKey, since);
    if (events === undefined) throw expired(`too old resource version: ${since} (${store.resourceVersion})`);
    return () => {
      for (const event of events) this.onEvent(event);
    };
  }

  private onEvent(event: StoreEvent): void {
    if (this.closed) return;
    const { namespace } = this.query;
    if (namespace !== undefined && event.object.metadata.namespace !== namespace) return;
    const now = event.type !== 'DELETED' && this.selector(event.object);
    const before = event.previous !== undefined && this.selector(event.previous);
    if (!now && !before) return;
    if (now) this.send(before ? 'MODIFIED' : 'ADDED', event, event.object);
    else this.send('DELETED', event, event.type === 'DELETED' ? event.object : this.lastSeen(event));
  }

  /** An object that left the selection is told as deleted, in its last selected state at the new version. */
  private lastSeen(event: StoreEvent): KubeObject {
    const last = event.previous ?? event.object;
    const version = event.object.metadata.resourceVersion ?? '';
    return { ...last, metadata: { ...last.metadata, resourceVersion: version } };
  }

  private send(type: EventType, event: StoreEvent, object: KubeObject): void {
    if (this.query.form === 'table' && !this.sentColumns) {
      this.write(this.encode(type, object));
      return;
    }
    const key = `${this.format}|${type}`;
    let bytes = event.encoded.get(key);
    if (bytes === undefined) {
      bytes = this.encode(type, object);
      event.encoded.set(key, bytes);
    }
    this.write(bytes);
  }

  private encode(type: EventType, object: KubeObject): Buffer {
    const body = JSON.stringify(this.shape(this.type.fromStorage?.(object) ?? object));
    return Buffer.concat([Buffer.from(`{"type":"${type}","object":${body}`), separator]);
  }

  private shape(object: KubeObject): JsonValue {
    if (this.query.form === 'partial') return toPartial(object);
    if (this.query.form !== 'table') return object;
    const withColumns = !this.sentColumns;
    this.sentColumns = true;
    const resourceVersion = object.metadata.resourceVersion ?? '';
    const options = {
      include: this.query.include,
      nowMs: this.context.now(),
      withColumns,
      metadata: { resourceVersion },
    };
    return toTable(this.type, [object], options);
  }

  private bookmark(endsInitialEvents: boolean): void {
    const metadata: JsonObject = {
      resourceVersion: String(this.context.store.resourceVersion),
      creationTimestamp: null,
    };
    if (endsInitialEvents) metadata.annotations = { 'k8s.io/initial-events-end': 'true' };
    let object: JsonValue = { kind: this.type.kind, apiVersion: apiVersionOf(this.type), metadata };
    if (this.query.form === 'partial') object = toPartial(object as KubeObject);
    if (this.query.form === 'table') {
      object = {
        kind: 'Table',
        apiVersion: 'meta.k8s.io/v1',
        metadata: { resourceVersion: metadata.resourceVersion ?? '' },
        columnDefinitions: [],
        rows: [],
      };
    }
    this.write(Buffer.from(`${JSON.stringify({ type: 'BOOKMARK', object })}\n`));
  }

  private write(bytes: Buffer): void {
    if (this.closed || this.response.destroyed) return;
    this.response.write(bytes);
    if (this.response.writableLength > largestBacklog) {
      this.close();
      this.response.destroy();
    }
  }
}
