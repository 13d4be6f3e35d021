import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { GitSyncStatus } from '../../src/api/git-sync.ts';
import { type FileChanges, GitRepository } from '../../src/sandbox/git/git-repository.ts';
import { GitServer } from '../../src/sandbox/git/git-server.ts';
import { eventually } from './eventually.ts';
import { commitEntries, type GitEntry } from './git-link.ts';
import { NAMESPACE, type OperatorWorld, TYPES } from './operator-world.ts';

/** A repository, the GitSync that reads it, and what came of it. */
export class GitSyncShop {
  readonly #world: OperatorWorld;
  readonly #repository: GitRepository;
  readonly #name: string;

  readonly #url: string;

  private constructor(world: OperatorWorld, repository: GitRepository, name: string, url: string) {
    this.#world = world;
    this.#repository = repository;
    this.#name = name;
    this.#url = url;
  }

  /** @param name of the repository and of the GitSync */
  static async open(world: OperatorWorld, name = 'shop'): Promise<GitSyncShop> {
    const repository = await GitRepository.create({ folder: join(world.folder, `${name}.git`) });
    return new GitSyncShop(world, repository, name, pathToFileURL(repository.folder).href);
  }

  /** The same repository over HTTP. */
  async served(): Promise<{ shop: GitSyncShop; stop(): Promise<void> }> {
    const server = new GitServer({ repository: this.#repository, useGitProgram: false });
    await server.start();
    return { shop: new GitSyncShop(this.#world, this.#repository, this.#name, server.url), stop: () => server.stop() };
  }

  commit(files: FileChanges): Promise<string> {
    return this.#repository.commitFiles('change', files);
  }

  /** A commit that holds just these, links and submodules included. */
  commitEntries(entries: readonly GitEntry[]): Promise<string> {
    return commitEntries(this.#repository.folder, entries);
  }

  /** @param more members of the spec in one-line YAML, such as `, prune: false` */
  declare(interval: string, more = ''): Promise<void> {
    return this.#world.apply(this.manifest(interval, more));
  }

  manifest(interval: string, more = ''): string {
    return `apiVersion: sluice.dev/v1alpha1\nkind: GitSync\nmetadata: {name: ${this.#name}}\nspec: {repository: "${this.#url}", branch: main, interval: ${interval}${more}}\n`;
  }

  async status(): Promise<GitSyncStatus> {
    return ((await this.#world.find(TYPES.gitSyncs, this.#name))?.['status'] ?? {}) as GitSyncStatus;
  }

  async condition(type: string) {
    return (await this.status()).conditions?.find(one => one.type === type);
  }

  /** Waits until a commit is applied. */
  applied(sha: string): Promise<void> {
    return eventually(
      `${sha} is applied`,
      async () => (await this.status()).lastAppliedRevision === `main@sha1:${sha}`,
      15_000,
    );
  }

  /** Waits until a condition has a reason. */
  saying(type: string, reason: string): Promise<void> {
    return eventually(`${type} says ${reason}`, async () => (await this.condition(type))?.reason === reason, 15_000);
  }

  /** Names of the objects in the inventory. */
  async inventory(): Promise<(string | undefined)[]> {
    return ((await this.status()).inventory ?? []).map(entry => entry.id.split('_')[1]).sort();
  }
}

/** A ConfigMap with one value. */
export const configMap = (name: string, value: string): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}}\ndata: {value: "${value}"}\n`;

/** Its value as it is now. */
export async function dataOf(world: OperatorWorld, name: string): Promise<string | undefined> {
  return ((await world.find(TYPES.configMaps, name))?.['data'] as { value?: string } | undefined)?.value;
}

/** Changes a ConfigMap as somebody would who does not know of Git. */
export async function edit(world: OperatorWorld, name: string, change: object): Promise<void> {
  await world.client.patch(TYPES.configMaps, { namespace: NAMESPACE, name }, { kind: 'merge', body: change });
}
