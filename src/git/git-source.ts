import * as fs from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import git from 'isomorphic-git';
import { createGitHttp } from './git-http.ts';
import { asSourceError, type GitLimits, type GitLocation, GitSourceError, noSuchBranch } from './git-source-error.ts';
import { Pace } from './pace.ts';
import { packIn } from './pack-answer.ts';
import { checkPack } from './pack-check.ts';

/** Credentials of an http(s) repository. They stay in memory: never in a URL, a log or an error. */
export interface GitCredentials {
  readonly username?: string;
  readonly password?: string;
  readonly bearerToken?: string;
}

/** One commit of a branch. */
export interface GitTip {
  /** 40 hexadecimal digits. */
  readonly commit: string;
  /** `branch@sha1:<commit>`, the form that Flux's RFC 0005 fixed. */
  readonly revision: string;
}

/** The manifests of one commit. */
export interface GitTree extends GitTip {
  readonly files: readonly { readonly path: string; readonly text: string }[];
  /** Paths that are named like manifests and are symbolic links: text to Git, an escape to us, never followed. */
  readonly links: readonly string[];
}

const LIMITS: GitLimits = {
  files: 2_000,
  fileBytes: 1 << 20,
  totalBytes: 16 << 20,
  maxBytes: 32 << 20,
  timeoutMs: 60_000,
  objects: 100_000,
  objectBytes: 16 << 20,
  unpackedBytes: 128 << 20,
  folders: 10_000,
  depth: 50,
  workMs: 60_000,
};
/** A tip is asked for at each interval, and is a small answer: a host that does not give one keeps others waiting no longer. */
const TIP_TIMEOUT_MS = 20_000;
/** Characters. Every manifest is told of by its path. */
const LONGEST_PATH = 4_096;
const UNPACKING: readonly string[] = ['Receiving objects', 'Resolving deltas'];
const SYMBOLIC_LINK = '120000';
const MANIFEST = /\.(ya?ml|json)$/i;
/** What git check-ref-format refuses, and a leading dash. A branch name becomes a path below the repository. */
const NO_BRANCH = /^[-/.@]$|^[-/.]|\.\.|\/\/|\/\.|\.lock(\/|$)|[\p{Cc} ~^:?*[\\]|@\{|[/.]$/u;

/**
 * Reads one branch of one repository. Of an http(s) repository the tip alone is fetched, when it has moved, into a bare
 * folder; nothing is ever checked out. A file:// repository is read in place.
 */
export class GitSource {
  readonly #gitdir: string;
  readonly #location: GitLocation;
  readonly #limits: GitLimits;
  /** Commit that the folder holds. */
  #fetched: string | undefined;
  /** A commit that asked for more than it may; it will the next time. */
  #refused: { readonly commit: string; readonly error: GitSourceError } | undefined;

  /** @param cacheDir a folder that belongs to this source alone */
  constructor(location: GitLocation, cacheDir: string, limits: Partial<GitLimits> = {}) {
    this.#location = location;
    this.#gitdir = cacheDir;
    this.#limits = { ...LIMITS, ...limits };
  }

  /** The branch's current commit, at the price of one small question. @throws GitSourceError */
  async tip(credentials: GitCredentials = {}): Promise<GitTip> {
    const { repository, branch } = this.#location;
    if (branch === '' || NO_BRANCH.test(branch))
      throw new GitSourceError('InvalidBranch', `"${branch}" cannot be the name of a branch; change spec.branch`);
    const limits = { ...this.#limits, timeoutMs: Math.min(this.#limits.timeoutMs, TIP_TIMEOUT_MS) };
    return this.#guarded(limits, async () => {
      // In full, so that a tag of the same name is not taken for the branch.
      const ref = `refs/heads/${branch}`;
      const commit = isFile(repository)
        ? await git.resolveRef({ fs, gitdir: await this.#localGitdir(), ref })
        : (await git.listServerRefs({ ...this.#remote(credentials, limits), prefix: ref, protocolVersion: 1 })).find(
            entry => entry.ref === ref,
          )?.oid;
      if (!commit) throw noSuchBranch(this.#location);
      return this.#named(commit);
    });
  }

  /** The manifests of a tip; of a later one, when the branch moved meanwhile. @throws GitSourceError */
  async read(tip: GitTip, credentials: GitCredentials = {}): Promise<GitTree> {
    if (this.#refused?.commit === tip.commit) throw this.#refused.error;
    try {
      return await this.#guarded(this.#limits, () => this.#read(tip, credentials));
    } catch (error) {
      if (error instanceof GitSourceError && error.isForGood) await this.#note(tip, error, credentials);
      throw error;
    }
  }

  /** Forgets everything that was fetched. */
  async remove(): Promise<void> {
    this.#fetched = undefined;
    await rm(this.#gitdir, { recursive: true, force: true });
  }

  /** A branch that moved meanwhile may have been refused for its next commit. */
  async #note({ commit }: GitTip, error: GitSourceError, credentials: GitCredentials): Promise<void> {
    const now = await this.tip(credentials).catch(() => undefined);
    if (now?.commit === commit) this.#refused = { commit, error };
  }

  async #read(tip: GitTip, credentials: GitCredentials): Promise<GitTree> {
    if (isFile(this.#location.repository))
      return { ...tip, ...(await this.#manifests(await this.#localGitdir(), tip.commit)) };
    const commit = this.#fetched === tip.commit ? tip.commit : await this.#fetch(credentials);
    return { ...this.#named(commit), ...(await this.#manifests(this.#gitdir, commit)) };
  }

  async #guarded<T>(limits: GitLimits, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw asSourceError(error, this.#location, limits);
    }
  }

  #named(commit: string): GitTip {
    return { commit, revision: `${this.#location.branch}@sha1:${commit}` };
  }

  #localGitdir(): Promise<string> {
    return localGitdir(this.#location.repository, dirname(this.#gitdir));
  }

  #remote(
    { username, password, bearerToken }: GitCredentials,
    limits: GitLimits,
    inspect?: (answer: Buffer) => Promise<void>,
  ) {
    return {
      http: createGitHttp(limits, inspect),
      url: this.#location.repository,
      ...(bearerToken ? { headers: { Authorization: `Bearer ${bearerToken}` } } : {}),
      onAuth: () => ({ ...(username ? { username } : {}), ...(password ? { password } : {}) }),
      onAuthFailure: () => ({ cancel: true }),
    };
  }

  /** Into an empty folder: a tip without its history has nothing to add to, and old packs would pile up. */
  async #fetch(credentials: GitCredentials): Promise<string> {
    const gitdir = this.#gitdir;
    // From when there is something to unpack: what the server takes to send it has an end of its own.
    let pace: Pace | undefined;
    const remote = this.#remote(credentials, this.#limits, async answer => {
      pace = new Pace(this.#limits.workMs);
      const pack = packIn(answer);
      if (pack) await checkPack(pack, this.#limits, pace);
    });
    await this.remove();
    await mkdir(gitdir, { recursive: true });
    await git.init({ fs, gitdir, bare: true });
    await git.addRemote({ fs, gitdir, remote: 'origin', url: remote.url, force: true });
    const ref = `refs/heads/${this.#location.branch}`;
    const { fetchHead } = await git.fetch({
      fs,
      gitdir,
      ...remote,
      ref,
      depth: 1,
      singleBranch: true,
      tags: false,
      // Of unpacking; nobody waits for what is said to a line of the server.
      onProgress: ({ phase }) => (UNPACKING.includes(phase) ? pace?.turn() : undefined),
    });
    if (!fetchHead) throw noSuchBranch(this.#location);
    this.#fetched = fetchHead;
    return fetchHead;
  }

  async #manifests(gitdir: string, commit: string): Promise<Pick<GitTree, 'files' | 'links'>> {
    const at = { fs, gitdir, cache: {} };
    const root = this.#location.path.split('/').filter(part => part !== '' && part !== '.');
    let oid = (await git.readCommit({ ...at, oid: commit })).commit.tree;
    for (const part of root) {
      const { tree } = await git.readTree({ ...at, oid });
      const entry = tree.find(item => item.path === part && item.type === 'tree');
      if (!entry)
        throw new GitSourceError('NoSuchPath', `folder ${root.join('/')} does not exist at ${commit.slice(0, 12)}`);
      oid = entry.oid;
    }
    const found: { path: string; oid: string }[] = [];
    const links: string[] = [];
    const pace = new Pace(this.#limits.workMs);
    await this.#find({ at, pace, found, links, folders: 0 }, oid, root);
    const { fileBytes, totalBytes } = this.#limits;
    const files: { path: string; text: string }[] = [];
    let total = 0;
    for (const { path, oid: blobOid } of found) {
      await pace.turn();
      const { blob } = await git.readBlob({ ...at, oid: blobOid });
      total += blob.length;
      if (blob.length > fileBytes) throw new GitSourceError('TooLarge', `${path} is larger than ${fileBytes} bytes`);
      if (total > totalBytes)
        throw new GitSourceError('TooLarge', `the manifests are larger than ${totalBytes} bytes; narrow spec.path`);
      files.push({ path, text: new TextDecoder().decode(blob) });
    }
    return { files: files.sort((a, b) => (a.path < b.path ? -1 : 1)), links };
  }

  /** Names before contents: what is too much is refused before it is read. A tree may list another as often as it likes. */
  async #find(search: Search, oid: string, folder: readonly string[]): Promise<void> {
    const { at, pace, found, links } = search;
    const { files, folders, depth } = this.#limits;
    const refuse = (what: string) =>
      new GitSourceError('TooLarge', `${what} under ${this.#location.path || 'the root'}; narrow spec.path`);
    await pace.turn();
    search.folders += 1;
    if (folder.join('/').length > LONGEST_PATH) throw refuse(`a path of more than ${LONGEST_PATH} characters`);
    if (search.folders > folders) throw refuse(`more than ${folders} folders`);
    if (folder.length > depth) throw refuse(`${folder.slice(0, 5).join('/')}/… is more than ${depth} folders deep`);
    const { tree } = await git.readTree({ ...at, oid });
    for (const entry of tree) {
      const path = [...folder, entry.path];
      if (entry.type === 'tree' && !entry.path.startsWith('.')) await this.#find(search, entry.oid, path);
      if (entry.type !== 'blob' || !MANIFEST.test(entry.path)) continue;
      if (found.length + links.length >= files) throw refuse(`more than ${files} manifests`);
      if (entry.mode === SYMBOLIC_LINK) links.push(path.join('/'));
      else found.push({ path: path.join('/'), oid: entry.oid });
    }
  }
}

/** A walk through the folders of a commit. */
interface Search {
  readonly at: { readonly fs: typeof fs; readonly gitdir: string; readonly cache: object };
  readonly pace: Pace;
  readonly found: { path: string; oid: string }[];
  readonly links: string[];
  folders: number;
}

function isFile(repository: string): boolean {
  return repository.startsWith('file:');
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
