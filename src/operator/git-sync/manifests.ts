import type { KubeObject } from '../../kube/kube-object.ts';
import { isRecord } from '../../kube/kube-object.ts';
import { type Budget, digestOf, TooManyParts } from './canonical.ts';
import { inventoryId, MAX_OBJECTS } from './inventory.ts';
import { manifestDocuments } from './manifest-yaml.ts';

/** One manifest of a repository. */
export interface Manifest {
  readonly file: string;
  readonly object: KubeObject;
  /** Digest of its canonical JSON. */
  readonly digest: string;
}

export type ManifestReading =
  | { readonly ok: true; readonly manifests: readonly Manifest[] }
  | { readonly ok: false; readonly message: string };

/** Aliases may repeat so much of the files of a commit; a bomb of them repeats more. */
const REPEATED: Readonly<Budget> = { values: 500_000, characters: 4 << 20 };
/** What the server sets; in exported manifests it would be a precondition or an error. */
const SERVERS_OWN = [
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'managedFields',
  'selfLink',
];

/**
 * Reads every document of every file. One bad document refuses the commit: half of a commit is no state anybody declared.
 * Between documents everything else has its turn: an abort does not wait for somebody's YAML.
 */
export async function readManifests(
  files: readonly { readonly path: string; readonly text: string }[],
  namespace: string,
  links: readonly string[] = [],
): Promise<ManifestReading> {
  const [link] = links;
  // What it declared when it was a file would be taken for deleted.
  if (link !== undefined)
    return refused(link, 'is a symbolic link, which is not followed; commit the manifest itself, or narrow spec.path');
  const manifests: Manifest[] = [];
  const spare = { ...REPEATED };
  const seen = new Map<string, string>();
  for (const { path, text } of files) {
    const reading = await readFile(path, text, spare);
    if (!reading.ok) return reading;
    for (const manifest of reading.manifests) {
      const { object } = manifest;
      // The version is no part of it: one object under two versions is one object.
      const id = inventoryId(object, String(object.metadata.namespace ?? namespace));
      const other = seen.get(id);
      if (other) return refused(path, `${object.kind} ${object.metadata.name} is already declared in ${other}`);
      seen.set(id, path);
      manifests.push(manifest);
    }
    if (manifests.length > MAX_OBJECTS)
      return refused(path, `more than ${MAX_OBJECTS} objects are declared up to here; use several GitSyncs`);
  }
  return { ok: true, manifests };
}

function refused(path: string, message: string): Extract<ManifestReading, { ok: false }> {
  return { ok: false, message: `${path}: ${message}` };
}

/** @param spare what the files of the commit may repeat together; what this one repeats is taken from it */
async function readFile(path: string, text: string, spare: Budget): Promise<ManifestReading> {
  // Without aliases a value takes two characters at least.
  const budget = { values: text.length / 2 + spare.values, characters: 4 * text.length + spare.characters };
  try {
    const manifests: Manifest[] = [];
    for (const document of manifestDocuments(text, path).flatMap(expandList)) {
      await new Promise(resolve => setImmediate(resolve));
      if (document === null || document === undefined || isKustomization(document)) continue;
      const problem = problemOf(document);
      if (problem) return refused(path, problem);
      const object = withoutServersOwn(document as KubeObject);
      manifests.push({ file: path, object, digest: digestOf(object, budget) });
    }
    spare.values = Math.min(spare.values, budget.values);
    spare.characters = Math.min(spare.characters, budget.characters);
    return { ok: true, manifests };
  } catch (error) {
    if (error instanceof TooManyParts) return refused(path, 'a document is too large or too deep, or refers to itself');
    return refused(path, (error instanceof Error ? error.message.split('\n')[0] : undefined) ?? 'cannot be parsed');
  }
}

function expandList(document: unknown): unknown[] {
  if (isRecord(document) && document.kind === 'List' && Array.isArray(document.items)) return document.items;
  return [document];
}

/** Kustomize's own file is not an object of the cluster. */
function isKustomization(document: unknown): boolean {
  return (
    isRecord(document) &&
    typeof document.apiVersion === 'string' &&
    document.apiVersion.startsWith('kustomize.config.k8s.io/')
  );
}

function problemOf(document: unknown): string | undefined {
  if (!isRecord(document)) return 'a document is not an object';
  if (!isText(document.apiVersion) || !isText(document.kind)) return 'a document has no apiVersion or kind';
  const meta = document.metadata;
  if (!isRecord(meta) || !isText(meta.name)) return `a ${document.kind} has no metadata.name`;
  const what = `${document.kind} ${meta.name}`;
  if (meta.generateName !== undefined) return `${what}: generateName cannot be declared in Git`;
  // These become parts of an address.
  const parts = { 'metadata.name': meta.name, 'metadata.namespace': meta.namespace ?? 'none', kind: document.kind };
  for (const [field, value] of Object.entries(parts))
    if (!isText(value) || value === '.' || value === '..' || /[/%\s]/.test(value))
      return `${what}: ${field} ${JSON.stringify(value)} cannot be a name`;
  if (!/^([^/\s%]+\/)?[^/\s%.]+$/.test(document.apiVersion))
    return `${what}: apiVersion ${JSON.stringify(document.apiVersion)} is not <group>/<version> or <version>`;
  for (const field of ['labels', 'annotations']) {
    const map = meta[field];
    if (map === undefined || map === null) continue;
    if (!isRecord(map)) return `${what}: metadata.${field} is not a map`;
    const wrong = Object.keys(map).find(key => typeof map[key] !== 'string');
    if (wrong !== undefined) return `${what}: metadata.${field} ${wrong} is not a text; put it in quotes`;
  }
  return undefined;
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function withoutServersOwn(document: KubeObject): KubeObject {
  const kept = Object.entries(document.metadata).filter(([key, value]) => !SERVERS_OWN.includes(key) && value !== null);
  const { status: _status, ...rest } = document;
  return { ...rest, metadata: Object.fromEntries(kept) as KubeObject['metadata'] };
}
