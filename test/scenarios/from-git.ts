import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { GitRepository } from '../../src/sandbox/git/git-repository.ts';
import { GitServer } from '../../src/sandbox/git/git-server.ts';
import { makeTempFolder } from '../support/control-plane/temp-folder.ts';
import type { Rig } from '../support/rig/rig.ts';

/** A commit is seen a second later; the rest is for a busy machine. */
const APPLIED_MS = 30_000;

/** A repository that is served over HTTP, for as long as a test needs it. */
export interface ServedRepository {
  readonly repository: GitRepository;
  /** What a GitSync names. */
  readonly url: string;
  stop(): Promise<void>;
}

/** Serves an empty repository on a free port of 127.0.0.1. */
export async function serveRepository(): Promise<ServedRepository> {
  const folder = makeTempFolder('sluice-repository');
  const repository = await GitRepository.create({ folder: join(folder.path, 'shop.git') });
  const server = new GitServer({ repository, useGitProgram: false });
  await server.start();
  const stop = async () => {
    await server.stop();
    await folder.remove();
  };
  return { repository, url: server.url, stop };
}

/** The spec of a GitSync that looks every second. */
export const syncOf = ({ url }: ServedRepository, path: string) => ({
  repository: url,
  branch: 'main',
  path,
  interval: '1s',
});

/** A manifest of some objects; JSON is YAML. */
export const manifestOf = (...items: readonly unknown[]) => JSON.stringify({ apiVersion: 'v1', kind: 'List', items });

/** A commit as status and annotations name it. */
export const revisionOf = (commit: string) => `main@sha1:${commit}`;

/** Waits until a GitSync has applied a commit. */
export async function untilApplied({ plane }: Rig, namespace: string, name: string, commit: string): Promise<void> {
  const path = `/apis/sluice.dev/v1alpha1/namespaces/${namespace}/gitsyncs/${name}`;
  for (const untilMs = Date.now() + APPLIED_MS; ; await sleep(250)) {
    const status = (await plane.client.get(path))['status'] as { lastAppliedRevision?: string } | undefined;
    if (status?.lastAppliedRevision === revisionOf(commit)) return;
    if (Date.now() > untilMs)
      throw new Error(`GitSync ${namespace}/${name} has not applied ${commit}: ${JSON.stringify(status)}`);
  }
}
