import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiClient, KubeObject } from './api-client.ts';

/** What a watch tells: an object as it is now, or as it was when it was deleted. */
export interface ObjectEvents {
  onObject(object: KubeObject): void;
  onGone(object: KubeObject): void;
}

/** A running watch: `stop` resolves when its loop has ended. */
export interface ObjectWatch {
  stop(): Promise<void>;
}

const RETRY_MS = 200;

/**
 * Lists and watches a collection (`/api/v1/pods?fieldSelector=...`) until stopped. Resolves after the first list. Any
 * failure ends in a new list; what it no longer contains is reported as gone.
 */
export async function watchObjects(client: ApiClient, path: string, events: ObjectEvents): Promise<ObjectWatch> {
  const stopping = new AbortController();
  const known = new Map<string, KubeObject>();
  const at = { resourceVersion: await relist(client, path, known, events) };
  const loop = (async () => {
    while (!stopping.signal.aborted) {
      try {
        await follow(client, path, at, known, events, stopping.signal);
      } catch {
        if (stopping.signal.aborted) return;
        await sleep(RETRY_MS);
        at.resourceVersion = await relist(client, path, known, events).catch(() => at.resourceVersion);
      }
    }
  })();
  return {
    stop: async () => {
      stopping.abort();
      await loop;
    },
  };
}

const keyOf = (object: KubeObject) => object.metadata.uid ?? `${object.metadata.namespace}/${object.metadata.name}`;

async function relist(client: ApiClient, path: string, known: Map<string, KubeObject>, events: ObjectEvents) {
  const list = (await client.call('GET', path)) as { metadata: { resourceVersion: string }; items: KubeObject[] };
  const seen = new Set(list.items.map(keyOf));
  for (const [key, object] of known) {
    if (seen.has(key)) continue;
    known.delete(key);
    events.onGone(object);
  }
  for (const object of list.items) {
    known.set(keyOf(object), object);
    events.onObject(object);
  }
  return list.metadata.resourceVersion;
}

async function follow(
  client: ApiClient,
  path: string,
  at: { resourceVersion: string },
  known: Map<string, KubeObject>,
  events: ObjectEvents,
  signal: AbortSignal,
): Promise<void> {
  const query = `${path.includes('?') ? '&' : '?'}watch=true&allowWatchBookmarks=true&resourceVersion=${at.resourceVersion}`;
  const stream = await client.open('GET', path + query, undefined, undefined, signal);
  if (stream.statusCode !== 200) {
    stream.resume();
    throw new Error(`watch ${path}: ${stream.statusCode}`);
  }
  for await (const line of createInterface({ input: stream })) {
    const { type, object } = JSON.parse(line) as { type: string; object: KubeObject };
    if (type === 'ERROR') throw new Error(`watch ${path} ended by the server`);
    at.resourceVersion = object.metadata.resourceVersion ?? at.resourceVersion;
    if (type === 'BOOKMARK') continue;
    if (type === 'DELETED') {
      known.delete(keyOf(object));
      events.onGone(object);
    } else {
      known.set(keyOf(object), object);
      events.onObject(object);
    }
  }
}
