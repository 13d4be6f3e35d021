import { createHash } from 'node:crypto';
import { loadAll } from 'js-yaml';
import type { KubeObject } from '../../kube/kube-object.ts';
import { isRecord } from '../../kube/kube-object.ts';

/** One manifest of a repository. */
export interface Manifest {
  readonly file: string;
  readonly object: KubeObject;
  /** sha256 of its canonical JSON. */
  readonly digest: string;
}

export type ManifestReading =
  | { readonly ok: true; readonly manifests: readonly Manifest[] }
  | { readonly ok: false; readonly message: string };

/** Reads every document of every file. One bad document refuses the commit: half of a commit is no state anybody declared. */
export function readManifests(
  files: readonly { readonly path: string; readonly text: string }[],
  namespace: string,
): ManifestReading {
  const manifests: Manifest[] = [];
  const seen = new Map<string, string>();
  for (const { path, text } of files) {
    let documents: unknown[];
    try {
      documents = loadAll(text, { filename: path });
    } catch (error) {
      return {
        ok: false,
        message: `${path}: ${error instanceof Error ? error.message.split('\n')[0] : 'cannot be parsed'}`,
      };
    }
    for (const document of documents.flatMap(expandList)) {
      if (document === null || document === undefined || isKustomization(document)) continue;
      const problem = problemOf(document);
      if (problem) return { ok: false, message: `${path}: ${problem}` };
      const object = document as KubeObject;
      const id = `${object.apiVersion}/${object.kind}/${object.metadata.namespace ?? namespace}/${object.metadata.name}`;
      const other = seen.get(id);
      if (other)
        return {
          ok: false,
          message: `${path}: ${object.kind} ${object.metadata.name} is already declared in ${other}`,
        };
      seen.set(id, path);
      manifests.push({
        file: path,
        object,
        digest: createHash('sha256')
          .update(JSON.stringify(sorted(object)))
          .digest('hex')
          .slice(0, 32),
      });
    }
  }
  return { ok: true, manifests };
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
  if (typeof document.apiVersion !== 'string' || typeof document.kind !== 'string')
    return 'a document has no apiVersion or kind';
  const meta = document.metadata;
  if (!isRecord(meta) || typeof meta.name !== 'string' || meta.name === '')
    return `a ${document.kind} has no metadata.name`;
  if (meta.generateName !== undefined) return `${document.kind} ${meta.name}: generateName cannot be declared in Git`;
  return undefined;
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isRecord(value)) return value;
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map(key => [key, sorted(value[key])]),
  );
}
