import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../../src/kube/kube-object.ts';
import { viewPod } from '../../src/operator/pod-inspector.ts';
import { provenanceOf } from '../../src/operator/provenance.ts';

const pod = (status: unknown): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'shop-1', namespace: 'shop' },
  status,
});
const waiting = (reason: string, restartCount = 0) => ({ restartCount, state: { waiting: { reason } } });

describe('viewPod', () => {
  it('sees a pod that is ready', () => {
    const status = {
      conditions: [{ type: 'Ready', status: 'True' }],
      containerStatuses: [{ restartCount: 0, state: { running: {} } }],
    };
    expect(viewPod(pod(status))).toEqual({ name: 'shop-1', ready: true, restarts: 0 });
  });

  it('takes the most restarts of any container, init containers too', () => {
    const status = {
      containerStatuses: [{ restartCount: 1 }, { restartCount: 4 }],
      initContainerStatuses: [{ restartCount: 2 }],
    };
    expect(viewPod(pod(status))).toMatchObject({ ready: false, restarts: 4 });
    expect(viewPod(pod({ initContainerStatuses: [{ restartCount: 7 }] })).restarts).toBe(7);
  });

  it('tells why a container waits, but not that it is being created', () => {
    expect(
      viewPod(pod({ containerStatuses: [waiting('ContainerCreating'), waiting('CrashLoopBackOff', 3)] })).waiting,
    ).toBe('CrashLoopBackOff');
    expect(viewPod(pod({ containerStatuses: [waiting('ImagePullBackOff')] })).waiting).toBe('ImagePullBackOff');
    for (const usual of ['ContainerCreating', 'PodInitializing'])
      expect(viewPod(pod({ containerStatuses: [waiting(usual)] }))).not.toHaveProperty('waiting');
  });

  it.each([
    [undefined],
    [null],
    ['text'],
    [{ containerStatuses: 'no list', conditions: {} }],
    [{ containerStatuses: [null, 3] }],
  ])('makes do with a status of %j', status => {
    expect(viewPod(pod(status))).toEqual({ name: 'shop-1', ready: false, restarts: 0 });
  });

  it('cuts a reason that nobody could read', () => {
    expect(viewPod(pod({ containerStatuses: [waiting('x'.repeat(500))] })).waiting).toHaveLength(64);
  });
});

const rollout = (annotations: Record<string, string>, labels: Record<string, string> = {}): KubeObject => ({
  apiVersion: 'sluice.dev/v1alpha1',
  kind: 'Rollout',
  metadata: { name: 'shop', namespace: 'team', annotations, labels },
});

describe('provenanceOf', () => {
  it('knows nothing of a Rollout that says nothing', () => {
    expect(provenanceOf(rollout({}))).toBeUndefined();
    expect(provenanceOf(rollout({ 'sluice.dev/git-path': 'alone' }))).toBeUndefined();
  });

  it('reads what a pipeline wrote as annotations', () => {
    const source = provenanceOf(
      rollout({
        'sluice.dev/git-repository': 'https://git.example/shop.git',
        'sluice.dev/git-revision': 'main@sha1:abc',
        'sluice.dev/git-path': 'apps/shop.yaml',
      }),
    );
    expect(source).toEqual({
      provider: 'Annotation',
      repository: 'https://git.example/shop.git',
      revision: 'main@sha1:abc',
      ref: 'main',
      path: 'apps/shop.yaml',
    });
  });

  it('names the GitSync that applied it', () => {
    const source = provenanceOf(
      rollout({ 'sluice.dev/git-revision': 'release/1@x@sha1:abc' }, { 'sluice.dev/git-sync': 'shop' }),
    );
    expect(source).toMatchObject({ provider: 'GitSync', object: 'GitSync team/shop', ref: 'release/1@x' });
  });

  it('takes a bare commit for a revision without a branch', () => {
    expect(provenanceOf(rollout({ 'sluice.dev/git-revision': 'abc123' }))).toEqual({
      provider: 'Annotation',
      revision: 'abc123',
    });
  });

  it('never stores more than the status has room for', () => {
    const long = 'x'.repeat(5_000);
    const source = provenanceOf(
      rollout({
        'sluice.dev/git-repository': long,
        'sluice.dev/git-revision': `${long}@sha1:a`,
        'sluice.dev/git-path': long,
      }),
    );
    expect([source?.repository?.length, source?.revision?.length, source?.ref?.length, source?.path?.length]).toEqual([
      2048, 512, 512, 2048,
    ]);
  });
});
