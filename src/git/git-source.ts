import * as fs from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import git, { Errors } from 'isomorphic-git';
import http from 'isomorphic-git/http/node';

/** Which tree of which repository. */
export interface GitLocation {
  /** http(s) or file URL without credentials. */
  readonly repository: string;
  readonly branch: string;
  /** Folder inside the repository; empty: its root. */
  readonly path: string;
}

/** Credentials of an http(s) repository. They stay in memory: never in a URL, a log or an error. */
export interface GitCredentials {
  readonly username?: string;
  readonly password?: string;
  readonly bearerToken?: string;
}

/** The manifests of one commit. */
export interface GitTree {
  /** 40 hexadecimal digits. */
  readonly commit: string;
  /** `branch@sha1:<commit>`, the form that Flux's RFC 0005 fixed. */
  readonly revision: string;
  readonly files: readonly { readonly path: string; readonly text: string }[];
}

/** What went wrong, in a sentence for the GitSync's status. */
export class GitSourceError extends Error {
  readonly code: 'Unreachable' | 'Unauthorized' | 'NoSuchBranch' | 'NoSuchPath' | 'TooLarge' | 'Broken';

  constructor(code: GitSourceError['code'], message: string, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause });
    this.code = code;
  }
}

const MAX_FILES = 2_000;
const MAX_FILE_BYTES = 1 << 20;
const MANIFEST = /\.(ya?ml|json)$/i;

/**
 * Reads one branch of one repository. Objects are kept in a bare folder of its own between reads, so that a pull moves only
 * what is new; nothing is ever checked out. A file:// repository is read in place.
 */
export class GitSource {
  readonly #gitdir: string;
  readonly #location: GitLocation;
  #prepared = false;

  /** @param cacheDir a folder that belongs to this source alone */
  constructor(location: GitLocation, cacheDir: string) {
    this.#location = location;
    this.#gitdir = cacheDir;
  }

  /** The branch's current commit and its manifests. @throws GitSourceError */
  async pull(credentials: GitCredentials = {}): Promise<GitTree> {
    const { repository, branch } = this.#location;
    try {
      const gitdir = repository.startsWith('file://')
        ? await localGitdir(repository, dirname(this.#gitdir))
        : this.#gitdir;
      const commit = repository.startsWith('file://')
        ? await git.resolveRef({ fs, gitdir, ref: branch })
        : await this.#fetch(credentials);
      return { commit, revision: `${branch}@sha1:${commit}`, files: await this.#files(gitdir, commit) };
    } catch (error) {
      throw asSourceError(error, this.#location);
    }
  }

  /** Forgets everything that was fetched. */
  async remove(): Promise<void> {
    this.#prepared = false;
    await rm(this.#gitdir, { recursive: true, force: true });
  }

  async #fetch(credentials: GitCredentials): Promise<string> {
    const { repository: url, branch } = this.#location;
    if (!this.#prepared) {
      await mkdir(this.#gitdir, { recursive: true });
      await git.init({ fs, gitdir: this.#gitdir, bare: true });
      await git.addRemote({ fs, gitdir: this.#gitdir, remote: 'origin', url, force: true });
      this.#prepared = true;
    }
    const { username, password, bearerToken } = credentials;
    const result = await git.fetch({
      fs,
      http,
      gitdir: this.#gitdir,
      url,
      ref: branch,
      depth: 1,
      singleBranch: true,
      tags: false,
      ...(bearerToken ? { headers: { Authorization: `Bearer ${bearerToken}` } } : {}),
      onAuth: () => ({ ...(username ? { username } : {}), ...(password ? { password } : {}) }),
      onAuthFailure: () => ({ cancel: true }),
    });
    if (!result.fetchHead) throw new GitSourceError('NoSuchBranch', `branch ${branch} does not exist in ${url}`);
    return result.fetchHead;
  }

  async #files(gitdir: string, commit: string): Promise<GitTree['files']> {
    const root = this.#location.path.split('/').filter(part => part !== '' && part !== '.');
    let oid = (await git.readCommit({ fs, gitdir, oid: commit })).commit.tree;
    for (const part of root) {
      const { tree } = await git.readTree({ fs, gitdir, oid });
      const entry = tree.find(item => item.path === part && item.type === 'tree');
      if (!entry)
        throw new GitSourceError('NoSuchPath', `folder ${root.join('/')} does not exist at ${commit.slice(0, 12)}`);
      oid = entry.oid;
    }
    const files: { path: string; text: string }[] = [];
    await this.#collect(gitdir, oid, root.join('/'), files);
    return files.sort((a, b) => (a.path < b.path ? -1 : 1));
  }

  async #collect(gitdir: string, oid: string, at: string, files: { path: string; text: string }[]): Promise<void> {
    const { tree } = await git.readTree({ fs, gitdir, oid });
    for (const entry of tree) {
      const path = at === '' ? entry.path : `${at}/${entry.path}`;
      if (entry.type === 'tree' && !entry.path.startsWith('.')) await this.#collect(gitdir, entry.oid, path, files);
      // Symbolic links (mode 120000) are text to Git and an escape to us: never followed, never read.
      if (entry.type !== 'blob' || entry.mode === '120000' || !MANIFEST.test(entry.path)) continue;
      if (files.length >= MAX_FILES)
        throw new GitSourceError(
          'TooLarge',
          `more than ${MAX_FILES} manifests under ${at || 'the root'}; narrow spec.path`,
        );
      const { blob } = await git.readBlob({ fs, gitdir, oid: entry.oid });
      if (blob.length > MAX_FILE_BYTES)
        throw new GitSourceError('TooLarge', `${path} is larger than ${MAX_FILE_BYTES} bytes`);
      files.push({ path, text: new TextDecoder().decode(blob) });
    }
  }
}

/** A bare repository, or the .git folder of a worktree. @throws GitSourceError when the folder is not there */
async function localGitdir(repository: string, fetched: string): Promise<string> {
  const folder = resolve(fileURLToPath(repository));
  // What was fetched for others, perhaps with their credentials, is nobody's repository.
  if (`${folder}/`.startsWith(`${resolve(fetched)}/`))
    throw new GitSourceError('Unauthorized', `${repository} is not a repository that can be named here`);
  if (!fs.existsSync(folder)) throw new GitSourceError('Unreachable', `${repository} does not exist`);
  const inner = join(folder, '.git');
  return fs.existsSync(inner) ? inner : folder;
}

function asSourceError(error: unknown, at: GitLocation): GitSourceError {
  if (error instanceof GitSourceError) return error;
  if (error instanceof Errors.HttpError) {
    const { statusCode } = error.data;
    if (statusCode === 401 || statusCode === 403)
      return new GitSourceError(
        'Unauthorized',
        `${at.repository} refuses the credentials (${statusCode}); check secretRef`,
        error,
      );
    return new GitSourceError('Unreachable', `${at.repository} answers ${statusCode}`, error);
  }
  if (error instanceof Errors.UserCanceledError)
    return new GitSourceError('Unauthorized', `${at.repository} asks for credentials; set secretRef`, error);
  if (error instanceof Errors.NotFoundError)
    return new GitSourceError('NoSuchBranch', `branch ${at.branch} does not exist in ${at.repository}`, error);
  const code = (error as { code?: unknown } | null)?.code;
  if (typeof code === 'string' && /^(ECONN|ENOTFOUND|EAI_|ETIMEDOUT|EPIPE)/.test(code))
    return new GitSourceError('Unreachable', `${at.repository} cannot be reached (${code})`, error);
  return new GitSourceError(
    'Broken',
    `${at.repository}: ${error instanceof Error ? error.message.replace(/\s+/g, ' ').slice(0, 300) : 'unknown error'}`,
    error,
  );
}
