import * as fs from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import git from 'isomorphic-git';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type GitCredentials, GitSource, type GitTree } from '../../src/git/git-source.ts';
import { type GitLimits, GitSourceError } from '../../src/git/git-source-error.ts';
import { GitRepository } from '../../src/sandbox/git/git-repository.ts';
import { GitServer } from '../../src/sandbox/git/git-server.ts';
import { commitEntries } from '../support/git-link.ts';

const paths = (tree: GitTree) => tree.files.map(file => file.path);
const SECRET = 's3cr3t-of-the-team';

let folder: string;
let repository: GitRepository;
let server: GitServer;
let caches = 0;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-git-source-'));
  repository = await GitRepository.create({ folder: join(folder, 'shop.git') });
  server = new GitServer({ repository, useGitProgram: false });
  await server.start();
  await repository.commitFiles('first', {
    'README.md': 'read me',
    'apps/shop/a.yaml': 'a: 1\n',
    'apps/shop/deep/b.json': '{}',
    'apps/shop/.hidden/c.yaml': 'c: 1\n',
    'apps/other/d.yml': 'd: 1\n',
  });
});

afterEach(async () => {
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

function source(url: string, at: { branch?: string; path?: string } = {}, limits: Partial<GitLimits> = {}) {
  caches += 1;
  const location = { repository: url, branch: at.branch ?? 'main', path: at.path ?? '' };
  return puller(new GitSource(location, join(folder, 'cache', `c-${caches}`), limits));
}

/** Asks and reads in one go. */
function puller(reader: GitSource) {
  return {
    pull: async (credentials: GitCredentials = {}) => reader.read(await reader.tip(credentials), credentials),
    tip: () => reader.tip(),
    remove: () => reader.remove(),
  };
}

async function failure(pull: Promise<unknown>): Promise<GitSourceError> {
  const error = await pull.then(
    () => new Error('it did not fail'),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(GitSourceError);
  return error as GitSourceError;
}

describe.each(['file', 'http'] as const)('a repository over %s', scheme => {
  const url = () => (scheme === 'file' ? pathToFileURL(repository.folder).href : server.url);

  it('gives the manifests of the tip with the commit, sorted, and nothing that is no manifest', async () => {
    const tree = await source(url()).pull();
    expect(tree.commit).toBe(await repository.head());
    expect(tree.revision).toBe(`main@sha1:${tree.commit}`);
    expect(tree.files).toEqual([
      { path: 'apps/other/d.yml', text: 'd: 1\n' },
      { path: 'apps/shop/a.yaml', text: 'a: 1\n' },
      { path: 'apps/shop/deep/b.json', text: '{}' },
    ]);
  });

  it.each(['apps/shop', '/apps/shop/', './apps/shop'])('reads one folder only: %s', async path => {
    expect(paths(await source(url(), { path }).pull())).toEqual(['apps/shop/a.yaml', 'apps/shop/deep/b.json']);
  });

  it('sees the next commit, and the same one while there is none', async () => {
    const shop = source(url(), { path: 'apps/shop' });
    const first = await shop.pull();
    expect((await shop.pull()).commit).toBe(first.commit);
    const sha = await repository.commitFiles('second', { 'apps/shop/a.yaml': 'a: 2\n', 'apps/shop/deep/b.json': null });
    expect(await shop.pull()).toMatchObject({ commit: sha, files: [{ path: 'apps/shop/a.yaml', text: 'a: 2\n' }] });
    await shop.remove();
    expect((await shop.pull()).commit).toBe(sha);
  });

  it('follows a branch that was rewritten', async () => {
    const shop = source(url());
    await shop.pull();
    const rewritten = await GitRepository.create({ folder: repository.folder, branch: 'side' });
    const sha = await rewritten.commitFiles('unrelated history', { 'only.yaml': 'x: 1\n' });
    await git.writeRef({ fs, gitdir: repository.folder, ref: 'refs/heads/main', value: sha, force: true });
    expect(paths(await shop.pull())).toEqual(['only.yaml']);
  });

  it('says which branch does not exist', async () => {
    const error = await failure(source(url(), { branch: 'nowhere' }).pull());
    expect([error.code, error.message]).toEqual(['NoSuchBranch', `branch nowhere does not exist in ${url()}`]);
  });

  it.each([
    '',
    '-main',
    '../../HEAD',
    'a..b',
    '/main',
    'main/',
    'main.lock',
    'a/.hidden',
    'a b',
    'a:b',
    'HEAD~1',
    '@',
    'x@{1}',
    'a\\b',
    'a\nb',
  ])('refuses what cannot be a branch and might be a path: %j', async branch => {
    expect((await failure(source(url(), { branch }).pull())).code).toBe('InvalidBranch');
  });

  it('is not misled by a tag with the name of its branch', async () => {
    const first = await repository.head();
    await git.writeRef({ fs, gitdir: repository.folder, ref: 'refs/tags/main', value: first ?? '', force: true });
    const second = await repository.commitFiles('second', { 'apps/shop/a.yaml': 'a: 2\n' });
    const tree = await source(url()).pull();
    expect(tree.commit).toBe(second);
    expect(tree.files[1]?.text).toBe('a: 2\n');
  });

  it('keeps branches apart, also ones with a slash', async () => {
    const side = await GitRepository.create({ folder: repository.folder, branch: 'team/side' });
    const sha = await side.commitFiles('side', { 'side.yaml': 's: 1\n' });
    expect(await source(url(), { branch: 'team/side' }).pull()).toMatchObject({
      commit: sha,
      revision: `team/side@sha1:${sha}`,
    });
    expect((await source(url()).pull()).commit).toBe(await repository.head());
    expect((await failure(source(url(), { branch: 'side' }).pull())).code).toBe('NoSuchBranch');
  });

  it.each([
    ['too many files', { files: 2 }, 'more than 2 manifests under the root; narrow spec.path'],
    ['too much in all', { totalBytes: 10 }, 'the manifests are larger than 10 bytes'],
  ])('refuses %s', async (_what, limits, sentence) => {
    const error = await failure(source(url(), {}, limits).pull());
    expect(error.code).toBe('TooLarge');
    expect(error.message).toContain(sentence);
  });

  it('never ends in a tree that lists another again and again', async () => {
    await commitNested(10, 8);
    const error = await failure(source(url(), { path: 'd0' }).pull());
    expect([error.code, error.message]).toEqual(['TooLarge', 'more than 10000 folders under d0; narrow spec.path']);
  });

  it('looks no deeper than it may', async () => {
    await commitNested(1, 60);
    const error = await failure(source(url()).pull());
    expect(error.code).toBe('TooLarge');
    expect(error.message).toMatch(/^d0\/d0\/.*more than 50 folders deep under the root; narrow spec.path$/);
  });

  it('reads no longer than it may, whatever there is', async () => {
    const error = await failure(source(url(), {}, { workMs: -1 }).pull());
    expect(error.code).toBe('TooLarge');
    expect(error.message).toContain('narrow spec.path');
  });

  it.each(['apps/nowhere', 'README.md', '../shop'])('says which folder does not exist: %s', async path => {
    const error = await failure(source(url(), { path }).pull());
    expect(error.code).toBe('NoSuchPath');
    expect(error.message).toContain(path);
  });

  it('neither follows nor reads symbolic links, and names those that are named like manifests', async () => {
    await commitEntries(repository.folder, [
      { path: 'apps.yaml', text: '/etc/hostname', isLink: true },
      { path: 'real.yaml', text: 'a: 1\n' },
    ]);
    const tree = await source(url()).pull();
    expect(paths(tree)).toEqual(['real.yaml']);
    expect(tree.links).toEqual(['apps.yaml']);
    const error = await failure(source(url(), { path: 'apps.yaml' }).pull());
    expect(error.code).toBe('NoSuchPath');
  });

  it('follows neither links to folders nor submodules', async () => {
    await commitEntries(repository.folder, [
      { path: 'current', text: 'other', isLink: true },
      { path: 'module', submodule: '1'.repeat(40) },
      { path: 'other', entries: [{ path: 'b.yaml', text: 'b: 1' }] },
    ]);
    const tree = await source(url()).pull();
    expect(paths(tree)).toEqual(['other/b.yaml']);
    expect(tree.links).toEqual([]);
  });

  it('refuses links without end, as manifests', async () => {
    const links = Array.from({ length: 5 }, (_, index) => ({ path: `${index}.yaml`, text: 'x', isLink: true }));
    await commitEntries(repository.folder, links);
    expect((await failure(source(url(), {}, { files: 3 }).pull())).message).toContain('more than 3 manifests');
  });

  it('refuses a path that is too long to be told', async () => {
    await commitEntries(repository.folder, [{ path: 'x'.repeat(5_000), entries: [{ path: 'b.yaml', text: 'b: 1' }] }]);
    expect((await failure(source(url()).pull())).message).toContain('a path of more than 4096 characters');
  });

  it('refuses a manifest that is too large, by name', async () => {
    await repository.commitFiles('huge', { 'apps/shop/huge.yaml': `x: ${'y'.repeat(1 << 20)}\n` });
    const error = await failure(source(url()).pull());
    expect(error.code).toBe('TooLarge');
    expect(error.message).toContain('apps/shop/huge.yaml');
  });
});

describe('what can go wrong on the way', () => {
  it('names a folder that is not there, rather than its branch', async () => {
    const error = await failure(source(pathToFileURL(join(folder, 'gone.git')).href).pull());
    expect(error.code).toBe('Unreachable');
    expect(error.message).toContain('gone.git');
  });

  it('says that nobody listens', async () => {
    const url = server.url;
    await server.stop();
    const error = await failure(source(url).pull());
    expect([error.code, error.message]).toEqual(['Unreachable', `${url} cannot be reached (ECONNREFUSED)`]);
    await server.start();
  });

  it('says that the host has no address', async () => {
    expect((await failure(source('http://git.invalid/shop.git').pull())).code).toBe('Unreachable');
  });

  it('passes on what the server answers', async () => {
    const error = await failure(source(`${server.url}-other`).pull());
    expect([error.code, error.message]).toEqual(['Unreachable', `${server.url}-other answers 404`]);
  });

  it('does not take a web page for a repository, and passes on nothing of what it says', async () => {
    const page = await listen((_request, response) => response.end(`${SECRET} of whoever listens there`));
    const error = await failure(source(`${page.url}/shop.git`).pull());
    expect(error.code).toBe('Broken');
    expect(error.message).toContain('not as a Git repository does');
    expect(error.message).not.toContain(SECRET);
    page.close();
  });

  it('waits no longer than it may for a server that never answers', async () => {
    const silent = await listen(() => undefined);
    const error = await failure(source(`${silent.url}/shop.git`, {}, { timeoutMs: 200 }).pull());
    expect([error.code, error.message]).toEqual(['Unreachable', `${silent.url}/shop.git did not answer within 0.2 s`]);
    silent.close();
  });

  it('waits no longer than it may for a server that stops in the middle', async () => {
    const slow = await listen((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/x-git-upload-pack-advertisement' });
      response.write('001e# service=git-upload-pack\n');
    });
    const error = await failure(source(`${slow.url}/shop.git`, {}, { timeoutMs: 200 }).pull());
    expect(error.code).toBe('Unreachable');
    slow.close();
  });

  it('stops reading a tip that is larger than memory has room for', async () => {
    await repository.commitFiles('big', { 'video.bin': Array.from({ length: 40_000 }, () => Math.random()).join(' ') });
    const error = await failure(source(server.url, {}, { maxBytes: 100_000 }).pull());
    expect(error.code).toBe('TooLarge');
    expect(error.message).toContain('keep manifests in a repository of their own');
  });
});

describe('a tip over http that comes to more than memory has room for', () => {
  it('is refused before it is unpacked, also for what spec.path leaves out', async () => {
    await repository.commitFiles('big', { 'video.bin': '0'.repeat(300_000) });
    const error = await failure(source(server.url, { path: 'apps' }, { objectBytes: 200_000 }).pull());
    expect(error.code).toBe('TooLarge');
    expect(error.message).toContain(`the tip of main in ${server.url} has a file of 300000 bytes`);
    expect(error.message).toContain('keep manifests in a repository of their own');
    const cache = join(folder, 'cache', `c-${caches}`, 'objects', 'pack');
    expect(await fs.promises.readdir(cache).catch(() => [])).toEqual([]);
  });
});

describe('the price of a pull over http', () => {
  it('is one small question while the branch does not move, and no old packs when it does', async () => {
    const { asked, counting } = await listenAndCount();
    const shop = source(`${counting.url}/${new URL(server.url).pathname.slice(1)}`);
    await shop.pull();
    asked.length = 0;
    await shop.pull();
    expect(asked).toEqual([expect.stringMatching(/^GET .*info\/refs/)]);
    for (const n of [1, 2, 3]) {
      await repository.commitFiles(`n${n}`, { 'apps/shop/a.yaml': `a: ${n}\n` });
      await shop.pull();
    }
    const packs = await fs.promises.readdir(join(folder, 'cache', `c-${caches}`, 'objects', 'pack'));
    expect(packs.filter(name => name.endsWith('.pack'))).toHaveLength(1);
    counting.close();
  });

  it('is not paid again for a commit that was refused, and is for the next one', async () => {
    const { asked, counting } = await listenAndCount();
    const url = `${counting.url}/${new URL(server.url).pathname.slice(1)}`;
    const shop = source(url, {}, { objectBytes: 1_000 });
    await repository.commitFiles('big', { 'video.bin': '0'.repeat(3_000) });
    const first = await failure(shop.pull());
    expect((await failure(shop.pull())).message).toBe(first.message);
    expect(asked.filter(request => request.startsWith('POST'))).toHaveLength(1);
    await repository.commitFiles('small', { 'video.bin': null });
    expect(paths(await shop.pull())).toContain('apps/shop/a.yaml');
    counting.close();
  });

  it('is not paid again for a commit without the folder that is asked for', async () => {
    const { asked, counting } = await listenAndCount();
    const shop = source(`${counting.url}/${new URL(server.url).pathname.slice(1)}`, { path: 'nowhere' });
    for (let times = 0; times < 3; times++) {
      expect((await failure(shop.pull())).code).toBe('NoSuchPath');
      await shop.remove();
    }
    expect(asked.filter(request => request.startsWith('POST'))).toHaveLength(1);
    await repository.commitFiles('there', { 'nowhere/a.yaml': 'a: 1\n' });
    expect(paths(await shop.pull())).toEqual(['nowhere/a.yaml']);
    counting.close();
  });

  it('is paid for a commit that another one was refused in place of', async () => {
    const reader = new GitSource({ repository: server.url, branch: 'main', path: '' }, join(folder, 'cache', 'moved'), {
      objectBytes: 1_000,
    });
    const good = await reader.tip();
    await repository.commitFiles('big', { 'video.bin': '0'.repeat(3_000) });
    expect((await failure(reader.read(good))).code).toBe('TooLarge');
    await git.writeRef({ fs, gitdir: repository.folder, ref: 'refs/heads/main', value: good.commit, force: true });
    expect((await reader.read(await reader.tip())).commit).toBe(good.commit);
  });

  it('is paid again where only the time was too short', async () => {
    const shop = source(server.url, {}, { workMs: -1 });
    const first = await failure(shop.pull());
    expect(first.isForGood).toBe(false);
    expect(await failure(shop.pull())).not.toBe(first);
  });
});

describe('credentials', () => {
  const asked: string[] = [];
  let guarded: Awaited<ReturnType<typeof listen>>;

  beforeEach(async () => {
    asked.length = 0;
    guarded = await listen(async (request, response) => {
      const { authorization } = request.headers;
      asked.push(authorization ?? '');
      const basic = `Basic ${Buffer.from(`deploy:${SECRET}`).toString('base64')}`;
      if (authorization !== basic && authorization !== `Bearer ${SECRET}`) {
        response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end(`denied: ${authorization}`);
        return;
      }
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const { method = 'GET' } = request;
      const body = method === 'POST' ? { body: Buffer.concat(chunks) } : {};
      const answer = await fetch(`${new URL(server.url).origin}${request.url}`, { method, ...body });
      response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' });
      response.end(Buffer.from(await answer.arrayBuffer()));
    });
  });
  afterEach(() => guarded.close());

  it.each([
    ['a user name and password', { username: 'deploy', password: SECRET }],
    ['a bearer token', { bearerToken: SECRET }],
  ])('opens a repository with %s', async (_what, credentials) => {
    expect((await source(`${guarded.url}/shop.git`).pull(credentials)).commit).toBe(await repository.head());
  });

  it.each([
    ['none', {}],
    ['a wrong password', { username: 'deploy', password: `${SECRET}-old` }],
    ['a wrong token', { bearerToken: `${SECRET}-old` }],
  ])('says that they are refused, never what they are: %s', async (_what, credentials) => {
    const error = await failure(source(`${guarded.url}/shop.git`).pull(credentials));
    expect(error.code).toBe('Unauthorized');
    expect(error.message).toContain('secretRef');
    expect(`${error.message} ${error.stack}`).not.toContain(SECRET);
  });

  it('leaves none of them in its folder', async () => {
    const shop = source(`${guarded.url}/shop.git`);
    await shop.pull({ username: 'deploy', password: SECRET });
    const config = await fs.promises.readFile(join(folder, 'cache', `c-${caches}`, 'config'), 'utf8');
    expect(config).toContain(guarded.url);
    expect(config).not.toContain(SECRET);
  });
});

/** In front of the server; notes what it is asked. */
async function listenAndCount() {
  const asked: string[] = [];
  const counting = await listen(async (request, response) => {
    asked.push(`${request.method} ${request.url}`);
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { method = 'GET' } = request;
    const answer = await fetch(`${new URL(server.url).origin}${request.url}`, {
      method,
      ...(method === 'POST' ? { body: Buffer.concat(chunks) } : {}),
    });
    response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' });
    response.end(Buffer.from(await answer.arrayBuffer()));
  });
  return { asked, counting };
}

/** A tree that lists the one below it under each of several names. */
async function commitNested(width: number, depth: number): Promise<void> {
  const gitdir = repository.folder;
  const oid = await git.writeBlob({ fs, gitdir, blob: Buffer.from('text') });
  let tree = await git.writeTree({ fs, gitdir, tree: [{ mode: '100644', path: 'f.txt', oid, type: 'blob' }] });
  for (let level = 0; level < depth; level++) {
    const below = tree;
    const names = Array.from({ length: width }, (_, n) => `d${n}`);
    tree = await git.writeTree({
      fs,
      gitdir,
      tree: names.map(path => ({ mode: '040000', path, oid: below, type: 'tree' })),
    });
  }
  const person = { name: 'A', email: 'a@example.com', timestamp: 1, timezoneOffset: 0 };
  const commit = { message: 'nested\n', tree, parent: [], author: person, committer: person };
  const value = await git.writeCommit({ fs, gitdir, commit });
  await git.writeRef({ fs, gitdir, ref: 'refs/heads/main', value, force: true });
}

async function listen(handler: NonNullable<Parameters<typeof createServer>[1]>) {
  const http: Server = createServer(handler);
  await new Promise<void>(resolve => http.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    close: () => {
      http.closeAllConnections();
      http.close();
    },
  };
}

describe('what was fetched for others', () => {
  it('cannot be named as a repository', async () => {
    const cache = join(folder, 'shared-cache');
    const url = pathToFileURL(join(cache, 'somebody-elses')).href;
    const reader = new GitSource({ repository: url, branch: 'main', path: '' }, join(cache, 'mine'));
    await expect(reader.tip()).rejects.toMatchObject({ code: 'Unauthorized' });
  });
});
