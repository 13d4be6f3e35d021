import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Availability, skipUnless } from '../support/binaries/availability.ts';
import type { KubeObject } from '../support/control-plane/api-client.ts';
import { applyObject, readManifests } from '../support/control-plane/apply-folder.ts';
import { startFakeGatewayController } from '../support/control-plane/fake-gateway-controller.ts';
import { applyGatewayApiCrds } from '../support/control-plane/gateway-api.ts';
import { makeTempFolder } from '../support/control-plane/temp-folder.ts';
import { RIG_USERS } from '../support/control-plane/users.ts';
import { type ControlPlane, controlPlaneAvailability, startControlPlane } from '../support/control-plane.ts';
import { eventually } from '../support/eventually.ts';
import { type FakeKubelet, startFakeKubelet } from '../support/fake-kubelet.ts';
import { etcdIsFull } from '../support/faults/etcd.ts';
import { startPrometheus } from '../support/prometheus.ts';
import { prometheusAvailability } from '../support/prometheus-binary.ts';

const BUILD_MS = 20 * 60_000;
const SLOW_MS = 60_000;
const PODS = '/api/v1/namespaces/default/pods';
const DEPLOYMENTS = '/apis/apps/v1/namespaces/default/deployments';

const shop = (name: string, image: string, replicas = 3) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name },
  spec: {
    replicas,
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name } },
      spec: { containers: [{ name: 'shop', image, ports: [{ containerPort: 8080 }] }] },
    },
  },
});

const service = (name: string) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name },
  spec: { selector: { app: name }, ports: [{ port: 80, targetPort: 8080 }] },
});

describe.skipIf(skipUnless(controlPlaneAvailability()))('the rig', () => {
  // The test runner may have children of its own.
  const childrenBefore = childProcesses();
  let plane: ControlPlane;
  let kubelet: FakeKubelet;
  const folder = makeTempFolder('sluice-rig-test');
  const targetsFile = join(folder.path, 'targets.json');

  beforeAll(async () => {
    plane = await startControlPlane();
    console.log(`control plane up in ${(plane.startMs / 1000).toFixed(1)} s`);
    kubelet = await startFakeKubelet({ ...plane, token: plane.userToken('kubelet') }, { mode: 'http', targetsFile });
    console.log(`fake kubelet in ${kubelet.mode} mode ${kubelet.why ?? ''}`);
  }, BUILD_MS);

  afterAll(async () => {
    await kubelet?.stop();
    await plane?.stop();
    await folder.remove();
    expect(existsSync(plane.folder)).toBe(false);
    await eventually('no child process is left', () => childProcesses() <= childrenBefore);
  }, SLOW_MS);

  const podsOf = (app: string) => plane.client.list(`${PODS}?labelSelector=app%3D${app}`);
  const deployed = (name: string) => async () => {
    const { status } = (await plane.client.get(`${DEPLOYMENTS}/${name}`)) as {
      status?: { readyReplicas?: number; replicas?: number };
    };
    return status?.readyReplicas === 3 && status.replicas === 3;
  };
  const apply = (object: unknown) => applyObject(plane.client, object as Parameters<typeof applyObject>[1]);

  it(
    'runs a Deployment: pods become ready, EndpointSlices list them, and they go when it is scaled down',
    async () => {
      await apply(service('good'));
      await apply(shop('good', 'shop:1.4.0'));
      await eventually('three ready pods', deployed('good'), SLOW_MS);
      const slices = `/apis/discovery.k8s.io/v1/namespaces/default/endpointslices?labelSelector=kubernetes.io/service-name%3Dgood`;
      const endpoints = async () =>
        (await plane.client.list(slices)).flatMap(
          slice => (slice as unknown as { endpoints: { conditions: { ready: boolean } }[] | null }).endpoints ?? [],
        );
      await eventually(
        'three ready endpoints',
        async () => (await endpoints()).filter(one => one.conditions.ready).length === 3,
        SLOW_MS,
      );
      await plane.client.patch(`${DEPLOYMENTS}/good`, 'merge', { spec: { replicas: 1 } });
      await eventually('one pod is left', async () => (await podsOf('good')).length === 1, SLOW_MS);
      await eventually('one endpoint is left', async () => (await endpoints()).length === 1, SLOW_MS);
      await eventually('the kubelet runs one pod', () => kubelet.pods().length === 1, SLOW_MS);
    },
    SLOW_MS,
  );

  it('tells in the audit log who did what', async () => {
    const statusWrites = plane.auditEntries({ resource: 'pods/status', writes: true });
    expect(new Set(statusWrites.map(entry => entry.user))).toEqual(new Set([RIG_USERS.kubelet.name]));
    expect(
      plane.auditEntries({ user: RIG_USERS.admin.name, verb: 'patch', resource: 'deployments', name: 'good' }),
    ).toHaveLength(2);
  });

  it("holds a user without rights to RBAC and gives kubectl the admin's", async () => {
    const answer = plane.kubectl(['--kubeconfig', plane.userKubeconfig('nobody'), 'get', 'pods']);
    await expect(answer).rejects.toThrow('forbidden');
    expect(await plane.kubectl(['get', 'node', kubelet.nodeName, '-o', 'name'])).toBe(`node/${kubelet.nodeName}\n`);
  });

  it(
    'keeps restarting a container that crashes, as CrashLoopBackOff with rising restarts',
    async () => {
      await apply(shop('bad', 'shop:1.5.0-crash', 1));
      await eventually(
        'a second restart',
        async () => {
          const status = (await podsOf('bad'))[0]?.status as
            | {
                containerStatuses?: { restartCount: number; ready: boolean; state: { waiting?: { reason: string } } }[];
              }
            | undefined;
          const container = status?.containerStatuses?.[0];
          if (container === undefined || container.restartCount < 2) return false;
          expect(container.ready).toBe(false);
          expect(container.state.waiting?.reason).toBe('CrashLoopBackOff');
          return true;
        },
        SLOW_MS,
      );
      await plane.client.delete(`${DEPLOYMENTS}/bad`, { propagationPolicy: 'Background' });
      await eventually('its pod is gone', async () => (await podsOf('bad')).length === 0, SLOW_MS);
    },
    SLOW_MS,
  );

  it(
    'serves Gateway API, whose routes the fake gateway accepts at their present generation',
    async () => {
      await applyGatewayApiCrds(plane.client);
      const gateway = await startFakeGatewayController({ ...plane, token: plane.userToken('gateway') });
      try {
        const route = readManifests(`
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: shop }
spec:
  parentRefs: [{ name: public }]
  rules: [{ backendRefs: [{ name: good, port: 80, weight: 100 }] }]
`)[0];
        await apply(route);
        const path = '/apis/gateway.networking.k8s.io/v1/namespaces/default/httproutes/shop';
        const acceptedAt = async (generation: number) => {
          const { status } = (await plane.client.get(path)) as {
            status?: { parents?: { conditions: { type: string; status: string; observedGeneration: number }[] }[] };
          };
          const accepted = status?.parents?.[0]?.conditions.find(one => one.type === 'Accepted');
          return accepted?.status === 'True' && accepted.observedGeneration === generation;
        };
        await eventually('accepted', () => acceptedAt(1), SLOW_MS);
        await plane.client.patch(path, 'merge', { spec: { hostnames: ['shop.example'] } });
        await eventually('accepted again after a change', () => acceptedAt(2), SLOW_MS);
      } finally {
        await gateway.stop();
      }
    },
    SLOW_MS,
  );

  it.skipIf(skipUnless(prometheusAvailability()))(
    'lets Prometheus see the errors of a pod',
    async context => {
      const reachable: Availability =
        kubelet.mode === 'http' ? { available: true } : { available: false, why: `no reachable pods: ${kubelet.why}` };
      if (skipUnless(reachable)) return context.skip();
      await apply(shop('failing', 'shop:1.6.0-err25', 1));
      await eventually(
        'the pod serves',
        () => kubelet.pods().some(pod => pod.labels.app === 'failing' && pod.ready),
        SLOW_MS,
      );
      const pod = kubelet.pods().find(one => one.labels.app === 'failing');
      const prometheus = await startPrometheus({ targetsFile, scrapeIntervalMs: 500 });
      try {
        const codes: number[] = [];
        for (let request = 0; request < 8; request++) codes.push((await fetch(`http://${pod?.endpoint}/`)).status);
        expect(codes).toEqual([200, 200, 200, 500, 200, 200, 200, 500]);
        const errors = `http_requests_total{pod="${pod?.name}",code="500",pod_template_hash!=""}`;
        await eventually(
          'two errors are counted',
          async () => (await prometheus.query(errors))[0]?.value === 2,
          SLOW_MS,
        );
        kubelet.setBehaviour(one => one.labels.app === 'failing', { errorPercent: 100 });
        expect((await fetch(`http://${pod?.endpoint}/`)).status).toBe(500);
      } finally {
        await prometheus.stop();
      }
    },
    SLOW_MS,
  );

  it(
    'has a node that asks again when nothing can be stored, as kubelets do',
    async () => {
      await apply(shop('patient', 'shop:1.4.0-slowstart2s'));
      const isBound = (pod: KubeObject) => (pod.spec as { nodeName?: string }).nodeName !== undefined;
      await eventually('three pods with a node', async () => (await podsOf('patient')).filter(isBound).length === 3);
      await etcdIsFull(plane, true);
      await sleep(4_000);
      await etcdIsFull(plane, false);
      await eventually('three ready pods', deployed('patient'), SLOW_MS);
    },
    SLOW_MS,
  );

  it(
    'leaves nothing behind even when its process is killed',
    async () => {
      const script = `
      import { startControlPlane } from ${JSON.stringify(join(import.meta.dirname, '../support/control-plane.ts'))};
      const plane = await startControlPlane();
      console.log(plane.folder);
      setInterval(() => {}, 1000);`;
      const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const data = await new Promise<string>(resolve =>
        child.stdout.once('data', chunk => resolve(String(chunk).trim())),
      );
      expect(existsSync(data)).toBe(true);
      const config = JSON.parse(readFileSync(join(data, 'admin.kubeconfig'), 'utf8'));
      const { port, hostname } = new URL(config.clusters[0].cluster.server);
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
      await eventually('its folder is removed', () => !existsSync(data), SLOW_MS);
      await eventually('its API server is gone', () => refuses(hostname, Number(port)), SLOW_MS);
    },
    SLOW_MS,
  );
});

function childProcesses(): number {
  return process.getActiveResourcesInfo().filter(name => name === 'ProcessWrap').length;
}

async function refuses(host: string, port: number): Promise<boolean> {
  return await new Promise(resolve => {
    const socket = connect(port, host, () => {
      socket.destroy();
      resolve(false);
    });
    socket.on('error', () => resolve(true));
  });
}
