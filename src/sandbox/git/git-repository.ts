import * as fs from 'node:fs';
import { mkdir, open, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { TreeEntry } from 'isomorphic-git';
import git from 'isomorphic-git';
import type { Clock } from '../../kube/clock.ts';
import { systemClock } from '../../kube/clock.ts';

/** Files of a commit by path from the root of the repository; null deletes. */
export type FileChanges = Readonly<Record<string, string | null>>;

/** Who a commit is by. */
export interface Author {
  readonly name: string;
  readonly email: string;
}

/** Input of {@link GitRepository.create}. */
export interface GitRepositoryOptions {
  /** Where the bare repository goes, e.g. `/tmp/x/shop.git`. */
  readonly folder: string;
  /** Default `main`. */
  readonly branch?: string | undefined;
  readonly author?: Author | undefined;
  readonly clock?: Clock | undefined;
}

const LOCK_TRIES = 100;

/**
 * A bare repository that is committed to without a work tree: a commit is built on the tip of the branch as it is now, so what people
 * pushed meanwhile is never lost. Needs no git program.
 */
export class GitRepository {
  readonly folder: string;
  readonly branch: string;
  readonly #author: Author;
  readonly #clock: Clock;

  private constructor(options: GitRepositoryOptions) {
    this.folder = options.folder;
    this.branch = options.branch ?? 'main';
    this.#author = options.author ?? { name: 'Shop Team', email: 'shop@example.com' };
    this.#clock = options.clock ?? systemClock;
  }

  /** Makes an empty bare repository, or opens the one that is there. Pushing over HTTP is allowed. @throws Error of the file system */
  static async create(options: GitRepositoryOptions): Promise<GitRepository> {
    const repository = new GitRepository(options);
    const { folder, branch } = repository;
    await mkdir(folder, { recursive: true });
    await git.init({ fs, gitdir: folder, bare: true, defaultBranch: branch });
    await git.setConfig({ fs, gitdir: folder, path: 'http.receivepack', value: true });
    return repository;
  }

  /** The commit at the tip of the branch, or undefined while there is none. */
  async head(): Promise<string | undefined> {
    return git.resolveRef({ fs, gitdir: this.folder, ref: `refs/heads/${this.branch}` }).catch(error => {
      if (error instanceof git.Errors.NotFoundError) return undefined;
      throw error;
    });
  }

  /** The text of a file at the tip, or undefined. */
  async readFile(path: string): Promise<string | undefined> {
    const oid = await this.head();
    if (oid === undefined) return undefined;
    try {
      const { blob } = await git.readBlob({ fs, gitdir: this.folder, oid, filepath: path });
      return Buffer.from(blob).toString();
    } catch (error) {
      if (error instanceof git.Errors.NotFoundError) return undefined;
      throw error;
    }
  }

  /** The last commits, newest first. */
  async log(
    depth = 10,
  ): Promise<readonly { readonly sha: string; readonly message: string; readonly author: string }[]> {
    if ((await this.head()) === undefined) return [];
    const entries = await git.log({ fs, gitdir: this.folder, ref: this.branch, depth });
    return entries.map(({ oid, commit }) => ({ sha: oid, message: commit.message, author: commit.author.name }));
  }

  /**
   * Adds a commit to the branch. Files that are not named stay as they are.
   * @returns the commit's sha. @throws Error when a path is not plain, or the branch stays locked
   */
  async commitFiles(message: string, files: FileChanges, author: Author = this.#author): Promise<string> {
    for (const path of Object.keys(files)) checkPath(path);
    return this.#withBranch(async parent => {
      const tree = await this.#treeWith(parent === undefined ? undefined : await this.#treeOf(parent), files);
      return this.#writeCommit(message, tree, parent === undefined ? [] : [parent], author);
    });
  }

  /**
   * Adds a commit that brings back the files as they were before `sha`, as `git revert` does where nothing else touched them.
   * @returns the new commit's sha. @throws Error when `sha` has no parent
   */
  async revert(sha: string, author: Author = this.#author): Promise<string> {
    const gitdir = this.folder;
    const { commit } = await git.readCommit({ fs, gitdir, oid: sha });
    const [parent] = commit.parent;
    if (parent === undefined) throw new Error(`commit ${sha} is the first one: there is nothing to go back to`);
    const [after, before] = await Promise.all([this.#filesOf(sha), this.#filesOf(parent)]);
    const changed = [...new Set([...after.keys(), ...before.keys()])].filter(
      path => after.get(path) !== before.get(path),
    );
    const files: Record<string, string | null> = {};
    for (const path of changed) {
      const oid = before.get(path);
      files[path] = oid === undefined ? null : Buffer.from((await git.readBlob({ fs, gitdir, oid })).blob).toString();
    }
    const subject = commit.message.split('\n')[0] ?? '';
    return this.commitFiles(`Revert "${subject}"\n\nThis reverts commit ${sha}.\n`, files, author);
  }

  /** Blob ids by path of a commit. */
  async #filesOf(oid: string): Promise<Map<string, string>> {
    const files = new Map<string, string>();
    const walk = async (tree: string, prefix: string): Promise<void> => {
      const { tree: entries } = await git.readTree({ fs, gitdir: this.folder, oid: tree });
      for (const entry of entries) {
        if (entry.type === 'tree') await walk(entry.oid, `${prefix}${entry.path}/`);
        else files.set(`${prefix}${entry.path}`, entry.oid);
      }
    };
    await walk(await this.#treeOf(oid), '');
    return files;
  }

  async #treeOf(commit: string): Promise<string> {
    return (await git.readCommit({ fs, gitdir: this.folder, oid: commit })).commit.tree;
  }

  /** Writes the tree `base` with the changes in it; a folder that becomes empty goes. */
  async #treeWith(base: string | undefined, files: FileChanges): Promise<string> {
    const gitdir = this.folder;
    const entries = new Map<string, TreeEntry>();
    if (base !== undefined) {
      for (const entry of (await git.readTree({ fs, gitdir, oid: base })).tree) entries.set(entry.path, entry);
    }
    const folders = new Map<string, Record<string, string | null>>();
    for (const [path, text] of Object.entries(files)) {
      const slash = path.indexOf('/');
      if (slash !== -1) {
        const name = path.slice(0, slash);
        folders.set(name, { ...folders.get(name), [path.slice(slash + 1)]: text });
      } else if (text === null) entries.delete(path);
      else {
        const oid = await git.writeBlob({ fs, gitdir, blob: Buffer.from(text) });
        entries.set(path, { mode: '100644', path, oid, type: 'blob' });
      }
    }
    for (const [path, inside] of folders) {
      const old = entries.get(path);
      const oid = await this.#treeWith(old?.type === 'tree' ? old.oid : undefined, inside);
      const { tree } = await git.readTree({ fs, gitdir, oid });
      if (tree.length === 0) entries.delete(path);
      else entries.set(path, { mode: '040000', path, oid, type: 'tree' });
    }
    return git.writeTree({ fs, gitdir, tree: [...entries.values()] });
  }

  #writeCommit(message: string, tree: string, parent: string[], { name, email }: Author): Promise<string> {
    const person = { name, email, timestamp: Math.floor(this.#clock.now() / 1000), timezoneOffset: 0 };
    const text = message.endsWith('\n') ? message : `${message}\n`;
    const commit = { message: text, tree, parent, author: person, committer: person };
    return git.writeCommit({ fs, gitdir: this.folder, commit });
  }

  /** Moves the branch under git's own lock file, so that a push at the same time waits or fails, and loses nothing. */
  async #withBranch(make: (parent: string | undefined) => Promise<string>): Promise<string> {
    const ref = join(this.folder, 'refs', 'heads', this.branch);
    const lock = `${ref}.lock`;
    await mkdir(dirname(ref), { recursive: true });
    await this.#lock(lock);
    try {
      const sha = await make(await this.head());
      await writeFile(lock, `${sha}\n`);
      await rename(lock, ref);
      return sha;
    } catch (error) {
      await rm(lock, { force: true });
      throw error;
    }
  }

  async #lock(file: string): Promise<void> {
    for (let tries = 0; ; tries += 1) {
      try {
        await (await open(file, 'wx')).close();
        return;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
        if (tries >= LOCK_TRIES)
          throw new Error(`branch ${this.branch} stays locked: remove ${file} if nothing uses it`);
        await new Promise<void>(resolve => this.#clock.setTimeout(resolve, 20));
      }
    }
  }
}

function checkPath(path: string): void {
  const bad = path
    .split('/')
    .some(part => part === '' || part === '.' || part === '..' || part.toLowerCase() === '.git');
  if (bad) throw new Error(`"${path}" is no plain path inside a repository`);
}
