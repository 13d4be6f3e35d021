import { badRequest, expired, notFound } from '../api-error.ts';
import type { KubeObject } from '../json.ts';
import { stringAt } from '../json.ts';
import type { Selector } from '../storage/selectors.ts';
import { everything, parseFieldSelector, parseLabelSelector } from '../storage/selectors.ts';
import type { ResourceType } from '../types/resource-type.ts';
import { resourceName } from '../types/resource-type.ts';
import type { ServerContext } from './context.ts';

/** A list request: selectors and paging. */
export interface ListQuery {
  labelSelector: string;
  fieldSelector: string;
  /** 0 for everything. */
  limit: number;
  continueToken: string;
  resourceVersion: string;
  resourceVersionMatch: string;
}

/** A query for everything. */
export const wholeList: ListQuery = {
  labelSelector: '',
  fieldSelector: '',
  limit: 0,
  continueToken: '',
  resourceVersion: '',
  resourceVersionMatch: '',
};

/** One page of a list. */
export interface Page {
  items: KubeObject[];
  resourceVersion: string;
  continueToken: string | undefined;
  remaining: number | undefined;
}

interface Token {
  rv: number;
  start: string;
}

/** The selector of a request's label and field selectors. */
export function selectorOf(type: ResourceType, query: { labelSelector: string; fieldSelector: string }): Selector {
  const labels = query.labelSelector === '' ? everything : parseLabelSelector(query.labelSelector);
  const fields = query.fieldSelector === '' ? everything : parseFieldSelector(query.fieldSelector, type.storageKey);
  if (labels === everything) return fields;
  return object => labels(object) && fields(object);
}

const keptSnapshots = 64;
const expiredMessage =
  'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.';

/** Gets and lists. Pages of one list come from one snapshot, until it is compacted or pushed out by newer ones. */
export class Reader {
  private readonly context: ServerContext;
  private readonly snapshots = new Map<string, KubeObject[]>();

  constructor(context: ServerContext) {
    this.context = context;
  }

  /** One object as the type serves it; throws 404. */
  get(type: ResourceType, namespace: string, name: string): KubeObject {
    const stored = this.context.store.get(type.storageKey, namespace, name);
    if (stored === undefined) throw notFound(resourceName(type), name);
    return type.fromStorage?.(stored) ?? stored;
  }

  /** Lists one namespace, or all when `namespace` is undefined. */
  list(type: ResourceType, namespace: string | undefined, query: ListQuery): Page {
    const selector = selectorOf(type, query);
    const serve = type.fromStorage ?? ((object: KubeObject) => object);
    const token = query.continueToken === '' ? undefined : decodeToken(query.continueToken);
    this.checkVersion(query);
    const { objects, version } = this.objectsAt(type, namespace, token, query.limit > 0);
    const items: KubeObject[] = [];
    let remaining = 0;
    let next: string | undefined;
    for (const object of objects) {
      const key = keyOf(object);
      if (token !== undefined && key < token.start) continue;
      if (!selector(object)) continue;
      if (query.limit > 0 && items.length === query.limit) {
        next ??= encodeToken({ rv: version, start: key });
        remaining += 1;
        continue;
      }
      items.push(serve(object));
    }
    const counts = next !== undefined && query.labelSelector === '' && query.fieldSelector === '';
    return { items, resourceVersion: String(version), continueToken: next, remaining: counts ? remaining : undefined };
  }

  /** Forgets the snapshots of unfinished lists: their tokens expire. */
  forgetSnapshots(): void {
    this.snapshots.clear();
  }

  private checkVersion(query: ListQuery): void {
    const { resourceVersion, resourceVersionMatch } = query;
    if (resourceVersionMatch !== '' && resourceVersion === '') {
      throw badRequest('resourceVersionMatch is forbidden unless resourceVersion is provided');
    }
    if (resourceVersion === '') return;
    if (!/^\d+$/.test(resourceVersion))
      throw badRequest(
        `invalid resource version: resourceVersion: Invalid value: ${JSON.stringify(resourceVersion)}: strconv.ParseUint: parsing ${JSON.stringify(resourceVersion)}: invalid syntax`,
      );
    const wanted = Number(resourceVersion);
    const current = this.context.store.resourceVersion;
    if (wanted > current) throw tooLarge(wanted, current);
  }

  private objectsAt(
    type: ResourceType,
    namespace: string | undefined,
    token: Token | undefined,
    paged: boolean,
  ): { objects: KubeObject[]; version: number } {
    if (token !== undefined) {
      const kept = this.snapshots.get(snapshotKey(type, namespace, token.rv));
      if (kept === undefined) {
        if (token.rv === this.context.store.resourceVersion) {
          return { objects: this.context.store.list(type.storageKey, namespace).objects, version: token.rv };
        }
        throw expired(expiredMessage);
      }
      return { objects: kept, version: token.rv };
    }
    const { objects, resourceVersion } = this.context.store.list(type.storageKey, namespace);
    if (paged) this.keep(snapshotKey(type, namespace, resourceVersion), objects);
    return { objects, version: resourceVersion };
  }

  private keep(key: string, objects: KubeObject[]): void {
    this.snapshots.delete(key);
    this.snapshots.set(key, objects);
    const oldest = this.snapshots.keys().next();
    if (this.snapshots.size > keptSnapshots && oldest.done !== true) this.snapshots.delete(oldest.value);
  }
}

/** The answer for a version that does not exist yet. */
export function tooLarge(wanted: number, current: number): Error {
  return new TooLargeVersion(wanted, current);
}

/** A request for a resource version from the future: 504 with a hint to retry. */
export class TooLargeVersion extends Error {
  readonly wanted: number;
  readonly current: number;

  constructor(wanted: number, current: number) {
    super(`Timeout: Too large resource version: ${wanted}, current: ${current}`);
    this.wanted = wanted;
    this.current = current;
  }
}

function snapshotKey(type: ResourceType, namespace: string | undefined, version: number): string {
  return `${type.storageKey}|${namespace ?? '*'}|${version}`;
}

function keyOf(object: KubeObject): string {
  return `${stringAt(object.metadata, 'namespace') ?? ''}/${stringAt(object.metadata, 'name') ?? ''}`;
}

function encodeToken(token: Token): string {
  return Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', ...token })).toString('base64url');
}

function decodeToken(text: string): Token {
  try {
    const value: unknown = JSON.parse(Buffer.from(text, 'base64url').toString());
    if (typeof value === 'object' && value !== null && 'rv' in value && 'start' in value) {
      if (typeof value.rv === 'number' && typeof value.start === 'string') return { rv: value.rv, start: value.start };
    }
  } catch {
    // Falls through to the 400.
  }
  throw badRequest('continue key is not valid: illegal base64 data or unknown token version');
}
