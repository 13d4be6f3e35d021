import { readdir } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { GitRepository } from '../../src/sandbox/git/git-repository.ts';
import { GitServer } from '../../src/sandbox/git/git-server.ts';
import { eventually } from '../support/eventually.ts';
import { configMap, dataOf } from '../support/git-sync-shop.ts';
import { OperatorWorld } from '../support/operator-world.ts';

let world: OperatorWorld;
let git: GitServer;
let slow: Server;
/** Fetches under way now, at most, and in all. */
let fetches: { now: number; most: number; all: number };
/** Times that a tip was asked for. */
let tips: number;

beforeEach(async () => {
  world = await OperatorWorld.start(false);
  const repository = await GitRepository.create({ folder: join(world.folder, 'shop.git') });
  await repository.commitFiles(
    'first',
    Object.fromEntries(['a', 'b', 'c'].map(n => [`${n}/x.yaml`, configMap(n, '1')])),
  );
  git = new GitServer({ repository, useGitProgram: false });
  await git.start();
  fetches = { now: 0, most: 0, all: 0 };
  tips = 0;
  slow = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { method = 'GET' } = request;
    const isFetch = method === 'POST';
    if (!isFetch) tips += 1;
    if (isFetch) {
      fetches.now += 1;
      fetches.all += 1;
      fetches.most = Math.max(fetches.most, fetches.now);
      await sleep(1_000);
    }
    const answer = await fetch(`${new URL(git.url).origin}${request.url}`, {
      method,
      ...(isFetch ? { body: Buffer.concat(chunks) } : {}),
    });
    if (isFetch) fetches.now -= 1;
    response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' });
    response.end(Buffer.from(await answer.arrayBuffer()));
  });
  await new Promise<void>(resolve => slow.listen(0, '127.0.0.1', resolve));
});
afterEach(async () => {
  await world.stop();
  slow.closeAllConnections();
  slow.close();
  await git.stop();
});

const gitSync = (name: string, repository: string, interval = '10m') =>
  `apiVersion: sluice.dev/v1alpha1\nkind: GitSync\nmetadata: {name: ${name}}\nspec: {repository: "${repository}", branch: main, path: a, interval: ${interval}}\n`;

it('a host that does not answer keeps no GitSync of another host waiting', async () => {
  const deaf = createServer(() => undefined);
  await new Promise<void>(resolve => deaf.listen(0, '127.0.0.1', resolve));
  const away = `http://127.0.0.1:${(deaf.address() as AddressInfo).port}/shop.git`;
  const names = Array.from({ length: 20 }, (_, index) => `away-${index}`);
  await world.apply(names.map(name => gitSync(name, away)).join('---\n'));
  await world.startOperator();
  await sleep(1_000);
  const from = performance.now();
  await world.apply(gitSync('good', git.url));
  await eventually('it is applied', async () => (await dataOf(world, 'a')) === '1');
  expect(performance.now() - from).toBeLessThan(5_000);
  deaf.closeAllConnections();
  deaf.close();
});

it('a fetch that fails rests for longer than it took, as all repositories share one turn', async () => {
  let posts = 0;
  const torn = createServer(async (request, response) => {
    if (request.method === 'POST') {
      posts += 1;
      await sleep(1_000);
      response.writeHead(500).end();
      return;
    }
    const answer = await fetch(`${new URL(git.url).origin}${request.url}`);
    response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' });
    response.end(Buffer.from(await answer.arrayBuffer()));
  });
  await new Promise<void>(resolve => torn.listen(0, '127.0.0.1', resolve));
  const { port } = torn.address() as AddressInfo;
  await world.apply(gitSync('torn', `http://127.0.0.1:${port}${new URL(git.url).pathname}`, '1s'));
  await world.startOperator();
  await eventually('it is fetched', () => posts > 0);
  await sleep(4_500);
  expect(posts).toBe(1);
  await eventually('it is tried again', () => posts > 1);
  torn.closeAllConnections();
  torn.close();
});

it('repositories are fetched one after the other, as memory is only there for one', async () => {
  const origin = `http://127.0.0.1:${(slow.address() as AddressInfo).port}`;
  const url = `${origin}${new URL(git.url).pathname}`;
  await world.apply(
    ['a', 'b', 'c']
      .map(
        name =>
          `apiVersion: sluice.dev/v1alpha1\nkind: GitSync\nmetadata: {name: ${name}}\nspec: {repository: "${url}", branch: main, path: ${name}, interval: 10m}\n`,
      )
      .join('---\n'),
  );
  await world.startOperator();
  for (const name of ['a', 'b', 'c'])
    await eventually(`${name} is applied`, async () => (await dataOf(world, name)) === '1');
  expect(fetches).toEqual({ now: 0, most: 1, all: 3 });
  const kept = await readdir(join(world.folder, 'git-cache'), { recursive: true });
  expect(kept.filter(name => name.endsWith('.pack'))).toEqual([]);
  // Who waits does not go on asking its server: once to begin with, once when it is its turn, and with the fetch.
  expect(tips).toBeLessThanOrEqual(10);
});
