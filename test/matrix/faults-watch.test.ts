import { expect, it } from 'vitest';
import type { ProxiedRequest } from '../support/fault-proxy/proxied-request.ts';
import type { WatchRelay } from '../support/fault-proxy/watch-relay.ts';
import { faultSuite } from '../support/faults/fault-suite.ts';
import { hurried } from '../support/faults/odd-programs.ts';
import { watching } from '../support/faults/run-story.ts';
import { rest, type Scene } from '../support/faults/scene.ts';
import { atWeight, promoteHeld, untilHeld } from '../support/faults/stories.ts';
import type { Excuse } from '../support/faults/story-judge.ts';
import { rollout } from '../support/matrix/shop-objects.ts';

const always = { times: Number.POSITIVE_INFINITY };

/** What is done to every open watch, several times while the canary runs. */
const ENDINGS: Readonly<Record<string, (watch: WatchRelay) => void>> = {
  'is closed in good order': watch => watch.end(),
  'is reset': watch => watch.cut(),
  'carries half a line and is reset': watch => {
    watch.truncateNext();
    watch.send(JSON.stringify({ type: 'MODIFIED', object: { metadata: { name: 'half', resourceVersion: '1' } } }));
  },
  'carries a line that is no JSON': watch => watch.send('<html>502 Bad Gateway</html>'),
  'carries an event of a type that nobody knows': watch => watch.send('{"type":"SURPRISE","object":{}}'),
  'tells ERROR 410': watch => watch.error(410),
  'tells ERROR 500': watch => watch.error(500),
};

const bookmarkAt = (resourceVersion: string) =>
  JSON.stringify({ type: 'BOOKMARK', object: { metadata: { resourceVersion } } });

const GIANT: readonly Excuse[] = [
  {
    line: /^done: (replicas of |pods of )?(controllerrevisions\/|replicasets\/)?giant-\w+ is there, without faults it is not$/,
    because: 'the giant is a Rollout of its own with sets, pods and revisions of its own',
  },
  {
    line: /^events: (RevisionDetected|Promoted) was told 4 times \(fault-free: 1 and 1\)$/,
    because: 'three revisions of the giant besides the one of the story',
  },
  {
    line: /^events: ReplicaSetScaled was told 3 times \(fault-free: 1 and 1\)$/,
    because: 'two sets of the giant retire besides the one of the story',
  },
];

faultSuite('watches that go wrong', { stories: ['promote', 'abort', 'held'] }, ({ rig, survives }) => {
  for (const [index, [what, end]] of Object.entries(ENDINGS).entries())
    for (const story of index % 2 === 0 ? (['promote'] as const) : (['abort'] as const))
      it.concurrent(`F6 every watch ${what}, again and again: ${story}`, async () => {
        await survives(story, `f6-${index}`, async scene => {
          await atWeight(scene.stage, 20);
          for (let nth = 0; nth < 5; nth++) {
            await scene.until('there is a watch', () => scene.proxy.watches().length > 0);
            scene.strikeWatches(`every watch ${what}`, end);
            await rest(700);
          }
        });
      });

  it.concurrent('F6 no watch can be opened: 410 for 8 s', async () => {
    await survives('promote', 'f6-gone', async scene => {
      await atWeight(scene.stage, 20);
      const fault = { kind: 'status', status: 410, reason: 'Expired' } as const;
      const rule = scene.proxy.inject({ when: ({ verb }) => verb === 'watch', ...always, fault });
      const cut = scene.strikeWatches('cut', watch => watch.cut());
      await rest(8_000);
      rule.remove();
      expect(rule.hits).toBeGreaterThanOrEqual(cut);
    });
  });

  it.concurrent('F6 every watch is half open: no byte, no end', async () => {
    // Silence is taken for death after 100 s; for an operator in a hurry that is every 8 s.
    const program = hurried(rig(), 12);
    const limits = { more: 1_500 };
    await survives(
      'promote',
      'f6-silent',
      async scene => {
        await atWeight(scene.stage, 20);
        await watching(scene);
        const silent = scene.proxy.watches();
        // The server tells of its version once a minute, too rarely for such a hurry: silence twice in a row is a reason to list.
        // One of long ago says nothing new.
        for (const watch of silent) watch.send(bookmarkAt('1'));
        const from = scene.proxy.trace.entries.length;
        scene.strikeWatches('silent', watch => watch.freeze());
        await scene.until('every one of them was given up', () => silent.every(watch => !watch.open));
        await watching(scene);
        const since = scene.proxy.trace.entries.slice(from).map(({ request }) => request);
        expect(since.filter(isRelist)).toEqual([]);
      },
      { program, ...limits },
    );
  });

  it.concurrent('F6 one watch comes back when everything else has long been quiet: abort', async () => {
    await survives('abort', 'f6-late', async scene => {
      await scene.until('it is aborted', () => scene.stage.is('Aborted'));
      const isList = ({ verb, plural }: ProxiedRequest) => verb === 'list' && plural === 'replicasets';
      const fault = { kind: 'status', status: 503, reason: 'ServiceUnavailable', retryAfter: 12 } as const;
      scene.proxy.inject({ when: isList, fault });
      scene.strikeWatches('the watch of sets carries a line that is no JSON', watch => {
        if (watch.plural === 'replicasets') watch.send('<html>502 Bad Gateway</html>');
      });
    });
  });

  it.concurrent('F6 bookmarks alone move the place from which a watch goes on', async () => {
    await survives('held', 'f6-bookmarks', async scene => {
      await untilHeld(scene.stage);
      await rest(2_500);
      const version = await presentVersion(scene);
      scene.strikeWatches('bookmark', watch => watch.send(bookmarkAt(version)));
      await rest(1_000);
      const from = scene.proxy.trace.entries.length;
      scene.strikeWatches('cut', watch => watch.cut());
      await watching(scene);
      const since = scene.proxy.trace.entries.slice(from).map(({ request }) => request);
      expect(since.filter(({ verb }) => verb === 'list')).toEqual([]);
      expect(since.some(({ verb }) => verb === 'watch')).toBe(true);
      const places = since.filter(({ verb }) => verb === 'watch').map(({ query }) => query.get('resourceVersion'));
      for (const place of places) expect(Number(place)).toBeGreaterThanOrEqual(Number(version));
      await promoteHeld(scene.stage);
    });
  });

  it.concurrent('F6 an object of more than a megabyte passes every watch', async () => {
    // It leaves a ReplicaSet and events of its own: what it adds is no finding, what it changes is one.
    const limits = { excuses: GIANT };
    await survives(
      'promote',
      'f6-giant',
      async scene => {
        const env = Array.from({ length: 110 }, (_, nth) => ({ name: `V${nth}`, value: 'x'.repeat(10_000) }));
        const { root, plural, object } = rollout('giant:1.0.0', { canary: { steps: [] } }, 1);
        const spec = object['spec'] as {
          selector: object;
          template: { metadata: object; spec: { containers: object[] } };
        };
        const labels = { app: 'giant' };
        const containers = spec.template.spec.containers.map(container => ({ ...container, env }));
        const giant = {
          ...object,
          metadata: { name: 'giant' },
          spec: {
            ...spec,
            selector: { matchLabels: labels },
            template: { metadata: { labels }, spec: { containers } },
          },
        };
        await scene.stage.apply([{ root, plural, object: giant }]);
        await scene.until('the giant is healthy', () => isHealthy(scene, 'giant', 1));
        const path = `${root}/namespaces/${scene.namespace}/${plural}/giant`;
        for (const image of ['giant:1.1.0', 'giant:1.2.0']) {
          const [container] = containers;
          const { metadata } = await rig().plane.client.patch(path, 'merge', {
            spec: { template: { spec: { containers: [{ ...container, image }] } } },
          });
          // Each is promoted before the next one comes, else the number of promotions is that of a race.
          await scene.until(`${image} is healthy`, () => isHealthy(scene, 'giant', metadata.generation ?? 0));
        }
        await rig().plane.client.delete(path, { propagationPolicy: 'Background' });
        await scene.until('the giant has left', () => scene.stage.history.all('replicasets').every(isNoGiant));
        const sizes = scene.proxy.trace.events.map(({ object }) => JSON.stringify(object).length);
        scene.strikes.push(...sizes.filter(size => size > 1_000_000).map(() => 'more than a megabyte in one event'));
      },
      limits,
    );
  });
});

const isNoGiant = ({ metadata }: { metadata: { name: string } }) => !metadata.name.startsWith('giant');

/** Whether what it declares with that generation, or a later one, is what serves. */
function isHealthy(scene: Scene, name: string, generation: number): boolean {
  const found = scene.stage.history.get('rollouts', name);
  const status = found?.['status'] as { phase?: string; observedGeneration?: number } | undefined;
  return status?.phase === 'Healthy' && (status.observedGeneration ?? 0) >= generation;
}

/** The version of the cluster; nothing that the operator follows may change meanwhile. */
async function presentVersion(scene: Scene): Promise<string> {
  const path = `/api/v1/namespaces/${scene.namespace}/services`;
  const list = (await scene.rig.plane.client.call('GET', path)) as { metadata: { resourceVersion: string } };
  return list.metadata.resourceVersion;
}

/** A list for a cache; pods are looked at live. */
function isRelist({ verb, plural }: ProxiedRequest): boolean {
  return verb === 'list' && plural !== 'pods';
}
