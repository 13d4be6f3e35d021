import { execFile } from 'node:child_process';
import * as fs from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import git from 'isomorphic-git';
import http from 'isomorphic-git/http/node';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { GitRepository } from '../../../src/sandbox/git/git-repository.ts';
import { GitServer } from '../../../src/sandbox/git/git-server.ts';
import { hasHttpBackend } from '../../../src/sandbox/git/http-backend.ts';

let folder: string;
let repository: GitRepository;
let server: GitServer;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-git-'));
  repository = await GitRepository.create({ folder: join(folder, 'shop.git') });
});
afterEach(async () => {
  await server?.stop();
  await rm(folder, { recursive: true, force: true });
});

const run = async (...args: string[]) => {
  const env = { PATH: process.env.PATH, GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null', HOME: folder };
  return (await promisify(execFile)('git', args, { cwd: folder, env })).stdout;
};
const serve = async (options: { useGitProgram?: boolean; onPush?: (sha: string) => void } = {}) => {
  server = new GitServer({ repository, ...options });
  await server.start();
};

describe('the repository of the tour', () => {
  test('commits build on each other and keep the other files', async () => {
    expect(await repository.head()).toBeUndefined();
    const first = await repository.commitFiles('First', { 'deploy/a.yaml': 'a: 1\n', 'deploy/sub/b.yaml': 'b: 1\n' });
    const second = await repository.commitFiles('Second', { 'deploy/a.yaml': 'a: 2\n', 'README.md': 'hi\n' });
    expect(await repository.head()).toBe(second);
    expect(await repository.readFile('deploy/sub/b.yaml')).toBe('b: 1\n');
    expect(await repository.readFile('deploy/a.yaml')).toBe('a: 2\n');
    await repository.commitFiles('Third', { 'deploy/sub/b.yaml': null });
    expect(await repository.readFile('deploy/sub/b.yaml')).toBeUndefined();
    const log = await repository.log();
    expect(log.map(entry => entry.message.trim())).toEqual(['Third', 'Second', 'First']);
    expect(log.at(-1)?.sha).toBe(first);
  });

  test('a revert undoes one commit and leaves later ones', async () => {
    await repository.commitFiles('First', { 'a.yaml': '1\n', 'b.yaml': '1\n' });
    const bad = await repository.commitFiles('Bad', { 'a.yaml': '2\n', 'new.yaml': 'x\n' });
    await repository.commitFiles('Other', { 'b.yaml': '2\n' });
    await repository.revert(bad);
    expect(await repository.readFile('a.yaml')).toBe('1\n');
    expect(await repository.readFile('b.yaml')).toBe('2\n');
    expect(await repository.readFile('new.yaml')).toBeUndefined();
    expect((await repository.log(1))[0]?.message).toContain(`This reverts commit ${bad}.`);
  });

  test('commits at the same time all arrive', async () => {
    await Promise.all(['a', 'b', 'c', 'd'].map(name => repository.commitFiles(name, { [name]: name })));
    expect(await repository.log()).toHaveLength(4);
    expect(await repository.readFile('a')).toBe('a');
  });

  test.each(['../x', '/x', 'a//b', '.git/config', 'a/./b'])('the path %s is refused', async path => {
    await expect(repository.commitFiles('bad', { [path]: 'x' })).rejects.toThrow('no plain path');
  });
});

describe.each([{ useGitProgram: true }, { useGitProgram: false }])(
  'pulling over HTTP, git program: $useGitProgram',
  options => {
    test('isomorphic-git clones and pulls', async ({ skip }) => {
      if (options.useGitProgram && !(await hasHttpBackend())) skip();
      await repository.commitFiles('First', { 'deploy/a.yaml': 'a: 1\n' });
      await serve(options);
      const dir = join(folder, 'clone');
      await git.clone({ fs, http, dir, url: server.url, ref: 'main', singleBranch: true, depth: 1 });
      expect(await readFile(join(dir, 'deploy/a.yaml'), 'utf8')).toBe('a: 1\n');
      const second = await repository.commitFiles('Second', { 'deploy/a.yaml': 'a: 2\n', big: 'x'.repeat(200_000) });
      const author = { name: 'x', email: 'x@example.com' };
      await git.pull({ fs, http, dir, ref: 'main', singleBranch: true, author, fastForwardOnly: true });
      expect(await git.resolveRef({ fs, dir, ref: 'HEAD' })).toBe(second);
      expect(await readFile(join(dir, 'deploy/a.yaml'), 'utf8')).toBe('a: 2\n');
    });

    test('git clones and pulls', async ({ skip }) => {
      if (!(await hasHttpBackend())) skip();
      await repository.commitFiles('First', { 'deploy/a.yaml': 'a: 1\n' });
      await repository.commitFiles('Second', { 'deploy/a.yaml': 'a: 2\n' });
      await serve(options);
      await run('clone', '-q', server.url, 'full');
      await run('clone', '-q', '--depth=1', server.url, 'shallow');
      const sha = await repository.commitFiles('Third', { 'deploy/a.yaml': 'a: 3\n' });
      for (const clone of ['full', 'shallow']) {
        await run('-C', clone, 'pull', '-q', '--ff-only');
        expect((await run('-C', clone, 'rev-parse', 'HEAD')).trim()).toBe(sha);
      }
      expect((await run('-C', 'full', 'log', '--oneline')).trim().split('\n')).toHaveLength(3);
      expect(await readFile(join(folder, 'full/deploy/a.yaml'), 'utf8')).toBe('a: 3\n');
    });
  },
);

describe('pushing', () => {
  test('a push arrives, is told, and the next commit builds on it', async ({ skip }) => {
    if (!(await hasHttpBackend())) skip();
    await repository.commitFiles('First', { 'a.yaml': '1\n' });
    const pushes: string[] = [];
    await serve({ onPush: sha => pushes.push(sha) });
    expect(server.canPush).toBe(true);
    await run('clone', '-q', server.url, 'mine');
    await writeFile(join(folder, 'mine/b.yaml'), 'b\n');
    await run('-C', 'mine', 'add', '.');
    await run('-C', 'mine', '-c', 'user.name=me', '-c', 'user.email=me@example.com', 'commit', '-qm', 'Mine');
    await run('-C', 'mine', 'push', '-q', 'origin', 'main');
    const head = await repository.head();
    expect(pushes).toEqual([head]);
    await repository.commitFiles('After', { 'a.yaml': '2\n' });
    expect(await repository.readFile('b.yaml')).toBe('b\n');
  });

  test('without a git program a push is refused with the reason', async () => {
    await repository.commitFiles('First', { 'a.yaml': '1\n' });
    await serve({ useGitProgram: false });
    const response = await fetch(`${server.url}/info/refs?service=git-receive-pack`);
    expect(response.status).toBe(403);
    expect(await response.text()).toContain('git program');
    expect((await fetch(`${new URL(server.url).origin}/other.git/info/refs`)).status).toBe(404);
  });
});
