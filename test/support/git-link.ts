import * as fs from 'node:fs';
import git from 'isomorphic-git';

/** What Git can hold of one name, links and submodules included. */
export type GitEntry =
  | { readonly path: string; readonly text: string; readonly isLink?: boolean }
  | { readonly path: string; readonly entries: readonly GitEntry[] }
  | { readonly path: string; readonly submodule: string };

/** A commit of branch main that holds just that. @param gitdir a bare repository */
export async function commitEntries(gitdir: string, entries: readonly GitEntry[]): Promise<string> {
  const person = { name: 'A', email: 'a@example.com', timestamp: 1, timezoneOffset: 0 };
  const tree = await writeTree(gitdir, entries);
  const commit = { message: 'entries\n', tree, parent: [], author: person, committer: person };
  const value = await git.writeCommit({ fs, gitdir, commit });
  await git.writeRef({ fs, gitdir, ref: 'refs/heads/main', value, force: true });
  return value;
}

async function writeTree(gitdir: string, entries: readonly GitEntry[]): Promise<string> {
  const tree = await Promise.all(entries.map(entry => written(gitdir, entry)));
  return git.writeTree({ fs, gitdir, tree });
}

async function written(gitdir: string, entry: GitEntry) {
  const { path } = entry;
  if ('submodule' in entry) return { mode: '160000', path, oid: entry.submodule, type: 'commit' } as const;
  if ('entries' in entry)
    return { mode: '040000', path, oid: await writeTree(gitdir, entry.entries), type: 'tree' } as const;
  const oid = await git.writeBlob({ fs, gitdir, blob: Buffer.from(entry.text) });
  return { mode: entry.isLink ? '120000' : '100644', path, oid, type: 'blob' } as const;
}
