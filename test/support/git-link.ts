import * as fs from 'node:fs';
import git from 'isomorphic-git';

/** A commit of branch main with one symbolic link, which points nowhere, and one file `real.yaml`. @param gitdir a bare repository */
export async function commitLink(gitdir: string, path: string, text: string): Promise<string> {
  const link = await git.writeBlob({ fs, gitdir, blob: Buffer.from('/etc/hostname') });
  const file = await git.writeBlob({ fs, gitdir, blob: Buffer.from(text) });
  const tree = await git.writeTree({
    fs,
    gitdir,
    tree: [
      { mode: '120000', path, oid: link, type: 'blob' },
      { mode: '100644', path: 'real.yaml', oid: file, type: 'blob' },
    ],
  });
  const person = { name: 'A', email: 'a@example.com', timestamp: 1, timezoneOffset: 0 };
  const commit = { message: 'link\n', tree, parent: [], author: person, committer: person };
  const value = await git.writeCommit({ fs, gitdir, commit });
  await git.writeRef({ fs, gitdir, ref: 'refs/heads/main', value, force: true });
  return value;
}
