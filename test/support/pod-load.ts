import { request } from 'node:http';
import type { FakeKubelet } from './fake-kubelet.ts';

/** Sends a few requests a second to every ready pod of an app, so that there is something to measure. */
export function startPodLoad(kubelet: FakeKubelet, app: string, perPodPerSecond = 20): { stop(): void } {
  const timer = setInterval(() => {
    for (const pod of kubelet.pods()) {
      if (!pod.ready || pod.endpoint === undefined || pod.labels['app'] !== app) continue;
      const ask = request(`http://${pod.endpoint}/`, { timeout: 2_000 }, response => response.resume());
      ask.on('error', () => undefined);
      ask.end();
    }
  }, 1_000 / perPodPerSecond);
  return { stop: () => clearInterval(timer) };
}
