import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { GitSyncSpec } from '../../api/git-sync.ts';
import { type GitCredentials, GitSource, type GitTip } from '../../git/git-source.ts';
import { type KubeObject, objectKey } from '../../kube/kube-object.ts';
import type { Log } from '../log.ts';
import type { SecretReader } from '../secrets.ts';
import { type ManifestReading, readManifests } from './manifests.ts';

/** A host that does not answer keeps no more than so many of the controller's workers. */
export const QUESTIONS_PER_HOST = 3;

/** Another repository is being fetched, or enough others of this host are being asked for. */
export class NotItsTurn extends Error {}

/** A commit as it was read. */
export interface Pulled {
  readonly tip: GitTip;
  readonly reading: ManifestReading;
}

export interface SourcesParts {
  readonly secrets: SecretReader;
  readonly log: Log;
  /** Folder for fetched objects. */
  readonly cacheDir: string;
}

/** One repository as last read. */
interface Source {
  readonly id: string;
  readonly reader: GitSource;
  read?: Pulled;
  /** Its branch has moved and it waits for its turn to be fetched. */
  isBehind?: boolean;
}

/** The repositories of all GitSyncs. */
export class Sources {
  readonly #parts: SourcesParts;
  readonly #sources = new Map<string, Source>();
  /** What a repository may take of memory is counted once: after a start all are read. */
  #isFetching = false;
  /** How many tips are being asked for, by host. */
  readonly #asked = new Map<string, number>();

  constructor(parts: SourcesParts) {
    this.#parts = parts;
  }

  /** Asks for the tip; reads files only when it moved. @throws NotItsTurn, GitSourceError, or what reading its Secret throws */
  async pull(object: KubeObject, spec: GitSyncSpec): Promise<Pulled> {
    const source = this.#sourceOf(object, spec);
    // Known to have to wait still: its server is not asked for the tip each time that it looks.
    if (source.isBehind && this.#isFetching) throw new NotItsTurn();
    const { tip, credentials } = await this.#inTurn(spec.repository, async () => {
      const credentials = await this.#credentials(object, spec);
      return { tip: await source.reader.tip(credentials), credentials };
    });
    source.isBehind = source.read?.tip.commit !== tip.commit;
    if (source.read && !source.isBehind) return source.read;
    if (this.#isFetching) throw new NotItsTurn();
    this.#isFetching = true;
    try {
      const { files, links, ...at } = await source.reader.read(tip, credentials);
      source.read = { tip: at, reading: await readManifests(files, object.metadata.namespace ?? '', links) };
      return source.read;
    } finally {
      // What was read is kept in memory: packs of many repositories would fill the disk, and the pod be evicted.
      await source.reader.remove().catch(error => this.#parts.log.warn('a fetched pack was not removed', { error }));
      source.isBehind = false;
      this.#isFetching = false;
    }
  }

  /** What was read last of what a spec names, since the start of the process. */
  last(object: KubeObject, spec: GitSyncSpec): Pulled | undefined {
    return this.#sourceOf(object, spec).read;
  }

  /** Forgets the repository of a GitSync that is gone. @param key `<namespace>/<name>` */
  async remove(key: string): Promise<void> {
    await this.#sources.get(key)?.reader.remove();
    this.#sources.delete(key);
  }

  /** The next process has no use for what was fetched. */
  async removeFetched(): Promise<void> {
    await Promise.all([...this.#sources.values()].map(({ reader }) => reader.remove()));
  }

  async #inTurn<T>(repository: string, ask: () => Promise<T>): Promise<T> {
    const host = URL.parse(repository)?.host ?? '';
    const asked = this.#asked.get(host) ?? 0;
    if (asked >= QUESTIONS_PER_HOST) throw new NotItsTurn();
    this.#asked.set(host, asked + 1);
    try {
      return await ask();
    } finally {
      const left = (this.#asked.get(host) ?? 1) - 1;
      if (left > 0) this.#asked.set(host, left);
      else this.#asked.delete(host);
    }
  }

  #sourceOf(object: KubeObject, spec: GitSyncSpec): Source {
    const key = objectKey(object.metadata);
    const { repository, branch, path = '' } = spec;
    const id = createHash('sha256').update(`${key} ${repository} ${branch} ${path}`).digest('hex').slice(0, 24);
    const known = this.#sources.get(key);
    if (known?.id === id) return known;
    void known?.reader.remove();
    const source: Source = { id, reader: new GitSource({ repository, branch, path }, join(this.#parts.cacheDir, id)) };
    this.#sources.set(key, source);
    return source;
  }

  async #credentials(object: KubeObject, spec: GitSyncSpec): Promise<GitCredentials> {
    if (!spec.secretRef) return {};
    const { namespace = '' } = object.metadata;
    const { username, password, bearerToken } = await this.#parts.secrets.readAll(namespace, spec.secretRef.name);
    return {
      ...(username ? { username } : {}),
      ...(password ? { password } : {}),
      ...(bearerToken ? { bearerToken } : {}),
    };
  }
}
