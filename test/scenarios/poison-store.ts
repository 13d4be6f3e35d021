import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import type { ApiFailure } from '../support/control-plane/api-client.ts';
import type { ControlPlane } from '../support/control-plane.ts';

/** An object of one of Sluice's kinds that nothing has judged. */
export interface Unjudged {
  readonly plural: string;
  readonly kind: string;
  readonly name: string;
  /** Absent for kinds without one. */
  readonly namespace?: string;
  /** Whatever is to stand beside its type and metadata. */
  readonly content: Readonly<Record<string, unknown>>;
  /** Laid over that of a new object. */
  readonly metadata?: Readonly<Record<string, unknown>>;
}

/** Puts an object into etcd itself: no schema is asked, and the API server gives it out, and tells watches, as it is there. */
export async function storeUnjudged(plane: ControlPlane, object: Unjudged): Promise<void> {
  const { plural, kind, name, namespace, content } = object;
  const metadata = {
    ...{ name, uid: randomUUID(), generation: 1, creationTimestamp: new Date().toISOString().replace(/\.\d+/, '') },
    ...(namespace !== undefined && { namespace }),
    ...object.metadata,
  };
  const key = ['/registry/sluice.dev', plural, namespace, name].filter(part => part !== undefined).join('/');
  const value = JSON.stringify({ apiVersion: 'sluice.dev/v1alpha1', kind, metadata, ...content });
  const args = readFileSync(`/proc/${plane.pid('etcd')}/cmdline`, 'utf8').split('\0');
  const url = args.find(arg => arg.startsWith('--listen-client-urls='))?.split('=')[1];
  const body = JSON.stringify({ key: base64(key), value: base64(value) });
  const answer = await fetch(`${url}/v3/kv/put`, { method: 'POST', body });
  if (!answer.ok) throw new Error(`etcd: ${answer.status} ${await answer.text()}`);
}

/** What the API server says when an object, as it gives it out, is to be created once more: 422 when it is invalid. */
export async function judgedNow(plane: ControlPlane, object: Unjudged): Promise<number> {
  const { name } = object;
  const again = { ...(await plane.client.get(`${pathOf(object)}/${name}`)), metadata: { name: `${name}-again` } };
  return await plane.client.create(`${pathOf(object)}?dryRun=All`, again).then(
    () => 201,
    (failure: ApiFailure) => failure.status,
  );
}

/** Names of those that were stored with a `__proto__` and are given out without it. */
export async function withoutProto(plane: ControlPlane, objects: readonly Unjudged[]): Promise<string[]> {
  const found: string[] = [];
  for (const object of objects.filter(({ content }) => JSON.stringify(content).includes('"__proto__":'))) {
    const json = await text(await plane.client.open('GET', `${pathOf(object)}/${object.name}`));
    if (!json.includes('"__proto__":')) found.push(object.name);
  }
  return found;
}

const pathOf = ({ plural, namespace }: Unjudged) =>
  `/apis/sluice.dev/v1alpha1${namespace === undefined ? '' : `/namespaces/${namespace}`}/${plural}`;

const base64 = (text: string) => Buffer.from(text).toString('base64');
