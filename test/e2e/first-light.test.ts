import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { skipUnless } from '../support/binaries/availability.ts';
import { applyFolder, applyObject, readManifests } from '../support/control-plane/apply-folder.ts';
import { startFakeGatewayController } from '../support/control-plane/fake-gateway-controller.ts';
import { applyGatewayApiCrds } from '../support/control-plane/gateway-api.ts';
import { makeTempFolder } from '../support/control-plane/temp-folder.ts';
import { type ControlPlane, controlPlaneAvailability, startControlPlane } from '../support/control-plane.ts';
import { eventually } from '../support/eventually.ts';
import { type FakeKubelet, startFakeKubelet } from '../support/fake-kubelet.ts';
import { type OperatorProcess, startOperator } from '../support/operator-process.ts';
import { startPodLoad } from '../support/pod-load.ts';
import { type Prometheus, startPrometheus } from '../support/prometheus.ts';
import { prometheusAvailability } from '../support/prometheus-binary.ts';

const ROOT = join(import.meta.dirname, '../..');
const SLOW_MS = 120_000;

/** What a team has in Git: two Services, a route, a template, a Rollout. */
const manifests = (image: string) => `
apiVersion: v1
kind: Service
metadata: {name: shop-stable}
spec: {selector: {app: shop}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: Service
metadata: {name: shop-canary}
spec: {selector: {app: shop}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop}
spec:
  parentRefs: [{name: web}]
  rules:
  - backendRefs:
    - {name: shop-stable, port: 80, weight: 100}
    - {name: shop-canary, port: 80, weight: 0}
---
apiVersion: sluice.dev/v1alpha1
kind: AnalysisTemplate
metadata: {name: success-rate}
spec:
  metrics:
  - name: success-rate
    interval: 1s
    threshold: {min: 0.95}
    failureLimit: 1
    provider:
      prometheus:
        query: |
          sum(rate(http_requests_total{pod=~"{{args.canary-replicaset}}-[a-z0-9]{5}",code!~"5.."}[4s]))
          / sum(rate(http_requests_total{pod=~"{{args.canary-replicaset}}-[a-z0-9]{5}"}[4s]))
---
${rollout(image)}`;

const rollout = (image: string) => `
apiVersion: sluice.dev/v1alpha1
kind: Rollout
metadata: {name: shop}
spec:
  replicas: 3
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec: {containers: [{name: shop, image: "${image}", ports: [{containerPort: 8080}]}]}
  strategy:
    canary:
      stableService: shop-stable
      canaryService: shop-canary
      trafficRouting: {gatewayAPI: {httpRoute: shop}}
      analysis: {templates: [{templateName: success-rate}]}
      steps:
      - setWeight: 20
      - pause: {duration: 4s}
      - setWeight: 60
      - pause: {duration: 4s}
`;

const unavailable = skipUnless(controlPlaneAvailability()) || skipUnless(prometheusAvailability());

describe.skipIf(unavailable)('the operator on a real control plane', () => {
  let plane: ControlPlane;
  let kubelet: FakeKubelet;
  let prometheus: Prometheus;
  let operator: OperatorProcess;
  const parts: { stop(): unknown }[] = [];
  const folder = makeTempFolder('sluice-first-light');
  const kubectl = async (...args: string[]) => (await plane.kubectl(args)).trim();
  const column = (path: string) => kubectl('get', 'rollout', 'shop', '-o', `jsonpath={${path}}`);
  const weight = async () =>
    Number(await kubectl('get', 'httproute', 'shop', '-o', 'jsonpath={.spec.rules[0].backendRefs[1].weight}'));

  beforeAll(async () => {
    plane = await startControlPlane({ operatorIsClusterAdmin: false });
    const admin = { ...plane, token: plane.token };
    await applyGatewayApiCrds(plane.client);
    await applyFolder(plane.client, join(ROOT, 'crds'));
    await plane.kubectl(['apply', '-k', join(ROOT, 'deploy')]);
    const targetsFile = join(folder.path, 'targets.json');
    kubelet = await startFakeKubelet({ ...plane, token: plane.userToken('kubelet') }, { mode: 'http', targetsFile });
    parts.push(await startFakeGatewayController({ ...admin, token: plane.userToken('gateway') }));
    prometheus = await startPrometheus({ targetsFile, scrapeIntervalMs: 500 });
    parts.push(startPodLoad(kubelet, 'shop'));
    const provider = `apiVersion: sluice.dev/v1alpha1\nkind: MetricProvider\nmetadata: {name: default}\nspec: {type: prometheus, address: "${prometheus.url}"}`;
    for (const object of readManifests(provider)) await applyObject(plane.client, object);
    operator = await startOperator(plane.userKubeconfig('operator'), ['--log-level', 'debug']);
  }, 20 * 60_000);

  afterAll(async () => {
    for (const part of parts) await part.stop();
    await operator?.stop();
    // A cluster that was given stays as it was.
    await plane?.kubectl(['delete', '--ignore-not-found', '--wait=false', '-f', '-'], manifests('any'));
    await prometheus?.stop();
    await kubelet?.stop();
    await plane?.stop();
    await folder.remove();
  }, SLOW_MS);

  it(
    'brings up the first revision, promotes a good one step by step, and reverts a bad one on its measurements',
    async () => {
      await plane.kubectl(['apply', '-f', '-'], manifests('shop:1.0.0'));
      await kubectl('wait', '--for=condition=Ready', 'rollout/shop', '--timeout=60s');
      expect(await column('.status.phase')).toBe('Healthy');

      await plane.kubectl(['apply', '-f', '-'], rollout('shop:1.1.0'));
      const seen = new Set<number>();
      await eventually(
        'revision 2 is stable',
        async () => {
          seen.add(await weight());
          return (await column('.status.stable.revision')) === '2';
        },
        60_000,
      );
      await kubectl('wait', '--for=condition=Ready', 'rollout/shop', '--timeout=30s');
      expect([...seen]).toEqual(expect.arrayContaining([20, 60]));
      expect(await weight()).toBe(0);
      expect(
        await kubectl(
          'get',
          'service',
          'shop-stable',
          '-o',
          'jsonpath={.spec.selector.sluice\\.dev/pod-template-hash}',
        ),
      ).toBe(await column('.status.stable.podTemplateHash'));

      await plane.kubectl(['apply', '-f', '-'], rollout('shop:1.2.0-err60'));
      await kubectl('wait', '--for=condition=Aborted', 'rollout/shop', '--timeout=60s');
      await eventually('the route is back at 0 %', async () => (await weight()) === 0, 10_000);
      expect(await column('.status.phase')).toBe('Aborted');
      expect(await column('.status.abort.cause')).toBe('AnalysisFailed');
      expect(await column('.status.abort.evidence.metric')).toBe('success-rate');
      expect(Number(await column('.status.abort.evidence.measured'))).toBeLessThan(0.95);
      expect(await column('.status.stable.revision')).toBe('2');
      expect(await column('.spec.template.spec.containers[0].image')).toBe('shop:1.2.0-err60');
      await kubectl('wait', '--for=condition=Stalled', 'rollout/shop', '--timeout=5s');
      const events = await kubectl(
        'get',
        'events',
        '--field-selector',
        'involvedObject.name=shop',
        '-o',
        'jsonpath={range .items[*]}{.reason} {end}',
      );
      for (const reason of [
        'RevisionDetected',
        'StepCompleted',
        'Promoted',
        'GateFailed',
        'Aborted',
        'Reverted',
        'Quarantined',
      ])
        expect(events).toContain(reason);

      await plane.kubectl(['apply', '-f', '-'], rollout('shop:1.1.0'));
      await kubectl('wait', '--for=condition=Ready', 'rollout/shop', '--timeout=30s');
      expect(await column('.status.phase')).toBe('Healthy');
    },
    SLOW_MS,
  );
});
