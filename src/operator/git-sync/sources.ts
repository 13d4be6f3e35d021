import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { GitSyncSpec } from '../../api/git-sync.ts';
import { type GitCredentials, GitSource, type GitTip } from '../../git/git-source.ts';
import { GitSourceError } from '../../git/git-source-error.ts';
import type { Clock } from '../../kube/clock.ts';
import { type KubeObject, objectKey } from '../../kube/kube-object.ts';
import type { Log } from '../log.ts';
import type { SecretReader } from '../secrets.ts';
import { type ManifestReading, readManifests } from './manifests.ts';
import { NotItsTurn, Turns } from './turns.ts';

/** A host that does not answer keeps no more than so many of the controller's workers. */
const QUESTIONS_PER_HOST = 3;
/** And all hosts together no more than so many, so that drift is put right meanwhile. */
const QUESTIONS = 5;
/** A fetch that failed rests for so many times what it took: all repositories share one turn. */
const REST_AFTER_FAILURE = 4;

/** A commit as it was read. */
export interface Pulled {
  readonly tip: GitTip;
  readonly reading: ManifestReading;
  /** Uid of the GitSync that it is applied for, or was. */
  inForceFor?: string | undefined;
}

export interface SourcesParts {
  readonly clock: Clock;
  readonly secrets: SecretReader;
  readonly log: Log;
  /** Folder for fetched objects. */
  readonly cacheDir: string;
}

/** One repository as last read. */
interface Source {
  readonly id: string;
  readonly reader: GitSource;
  readonly asked: Turns;
  read?: Pulled | undefined;
  /** Its branch has moved and it waits for its turn to be fetched. */
  isBehind?: boolean;
  /** A fetch that failed, and until when that commit is not tried again, in monotonic milliseconds. */
  resting?: { readonly commit: string; readonly untilMs: number; readonly error: unknown } | undefined;
}

/** The repositories of all GitSyncs. */
export class Sources {
  readonly #parts: SourcesParts;
  readonly #wake: (key: string) => void;
  readonly #sources = new Map<string, Source>();
  /** What a repository may take of memory is counted once: after a start all are read. */
  readonly #fetches: Turns;
  readonly #questions: Turns;
  readonly #hosts = new Map<string, Turns>();

  /** @param wake told the key of a GitSync whose turn it is */
  constructor(parts: SourcesParts, wake: (key: string) => void) {
    this.#parts = parts;
    this.#wake = wake;
    this.#fetches = new Turns(1, wake);
    this.#questions = new Turns(QUESTIONS, wake);
  }

  /** Asks for the tip; reads files only when it moved. @throws NotItsTurn, GitSourceError, or what reading its Secret throws */
  async pull(object: KubeObject, spec: GitSyncSpec): Promise<Pulled> {
    const key = objectKey(object.metadata);
    const source = this.#sourceOf(key, spec);
    let isWaiting = false;
    try {
      // Known to have to wait still: its server is not asked for the tip each time that it looks.
      if (source.isBehind) this.#fetches.assertFree(key);
      const ask = async () => {
        const credentials = await this.#credentials(object, spec);
        return { tip: await source.reader.tip(credentials), credentials };
      };
      const { tip, credentials } = await this.#questions.run(key, () => source.asked.run(key, ask));
      source.isBehind = source.read?.tip.commit !== tip.commit;
      if (source.read && !source.isBehind) return source.read;
      const { resting } = source;
      if (resting?.commit === tip.commit && resting.untilMs > this.#parts.clock.monotonic()) throw resting.error;
      return await this.#fetches.run(key, () => this.#read(source, object, tip, credentials));
    } catch (error) {
      if (error instanceof GitSourceError && error.isAnswer) source.read = undefined;
      if (error instanceof NotItsTurn) isWaiting = true;
      throw error;
    } finally {
      if (!isWaiting) this.#leave(key, source);
    }
  }

  /** What Git was last known to declare of what a spec names; undefined when it has said otherwise since. */
  last(object: KubeObject, spec: GitSyncSpec): Pulled | undefined {
    return this.#sourceOf(objectKey(object.metadata), spec).read;
  }

  /** Forgets the repository of a GitSync that is gone. @param key `<namespace>/<name>` */
  async remove(key: string): Promise<void> {
    const source = this.#sources.get(key);
    if (source) this.#leave(key, source);
    this.#sources.delete(key);
    await source?.reader.remove();
  }

  /** What a GitSync that is suspended applied is not put right when it goes on: Git is asked first. */
  rest(key: string): void {
    const source = this.#sources.get(key);
    if (source?.read) source.read.inForceFor = undefined;
    if (source) this.#leave(key, source);
  }

  #leave(key: string, { asked }: Source): void {
    for (const turns of [this.#fetches, this.#questions, asked]) turns.leave(key);
  }

  /** The next process has no use for what was fetched. */
  async removeFetched(): Promise<void> {
    await Promise.all([...this.#sources.values()].map(({ reader }) => reader.remove()));
  }

  async #read(source: Source, object: KubeObject, tip: GitTip, credentials: GitCredentials): Promise<Pulled> {
    const { clock, log } = this.#parts;
    const begun = clock.monotonic();
    try {
      const { files, links, ...at } = await source.reader.read(tip, credentials);
      source.read = { tip: at, reading: await readManifests(files, object.metadata.namespace ?? '', links) };
      source.resting = undefined;
      return source.read;
    } catch (error) {
      const now = clock.monotonic();
      source.resting = { commit: tip.commit, untilMs: now + REST_AFTER_FAILURE * (now - begun), error };
      throw error;
    } finally {
      // What was read is kept in memory: packs of many repositories would fill the disk, and the pod be evicted.
      await source.reader.remove().catch(error => log.warn('a fetched pack was not removed', { error }));
      source.isBehind = false;
    }
  }

  #sourceOf(key: string, spec: GitSyncSpec): Source {
    const { repository, branch, path = '' } = spec;
    const id = createHash('sha256').update(`${key} ${repository} ${branch} ${path}`).digest('hex').slice(0, 24);
    const known = this.#sources.get(key);
    if (known?.id === id) return known;
    if (known) void this.remove(key).catch(error => this.#parts.log.warn('a fetched pack was not removed', { error }));
    const reader = new GitSource({ repository, branch, path }, join(this.#parts.cacheDir, id));
    const source: Source = { id, reader, asked: this.#questionsTo(URL.parse(repository)?.host ?? '') };
    this.#sources.set(key, source);
    return source;
  }

  #questionsTo(host: string): Turns {
    const known = this.#hosts.get(host) ?? new Turns(QUESTIONS_PER_HOST, this.#wake);
    this.#hosts.set(host, known);
    return known;
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
