import type { Labels } from '../../../src/sandbox/metrics/labels.ts';
import { labelsOf } from '../../../src/sandbox/metrics/labels.ts';
import { TimeSeriesStore } from '../../../src/sandbox/metrics/time-series-store.ts';

const START_MS = 1_700_000_000_000;
const BOUNDS = ['0.005', '0.01', '0.025', '0.05', '0.1', '0.25', '0.5', '1', '+Inf'];
const PODS = [
  { pod: 'web-a-11111', hash: 'aaa', errors: 0 },
  { pod: 'web-a-22222', hash: 'aaa', errors: 0.02 },
  { pod: 'web-b-33333', hash: 'bbb', errors: 0.3 },
];

/**
 * The series that the answers in prometheus-answers.jsonl were recorded over, by Prometheus 2.42.0: three pods, scraped every second for
 * four minutes; the second restarts after two, the third begins late, errors appear only with the first one.
 */
export function recordedSeries(): TimeSeriesStore {
  const store = new TimeSeriesStore();
  let seed = 5;
  const random = () => {
    seed = (seed * 1_103_515_245 + 12_345) & 0x7fffffff;
    return seed / 0x7fffffff;
  };
  for (const { pod, hash, errors } of PODS) {
    const base = { namespace: 'shop', pod, job: 'pods', instance: `${pod}:80`, hash };
    const named = (name: string, labels: Record<string, string>): Labels =>
      labelsOf(Object.entries({ __name__: name, ...labels }));
    let good = 3;
    let bad = 0;
    let scrapes = 0;
    const buckets = BOUNDS.map(() => 0);
    for (let second = 0; second < 240; second += 1) {
      if (pod === 'web-a-22222' && second === 120) {
        good = 0;
        bad = 0;
      }
      if (pod === 'web-b-33333' && second < 100) continue;
      const requests = Math.floor(random() * 20);
      for (let n = 0; n < requests; n += 1) {
        if (random() < errors) bad += 1;
        else good += 1;
        const duration = -Math.log(1 - random()) * (pod === 'web-b-33333' ? 0.3 : 0.05);
        BOUNDS.forEach((bound, index) => {
          if (bound === '+Inf' || duration <= Number(bound)) buckets[index] = (buckets[index] ?? 0) + 1;
        });
      }
      const t = START_MS + second * 1000 + 300;
      store.append(named('http_requests_total', { ...base, code: '200' }), t, good);
      if (bad > 0 || second > 130) store.append(named('http_requests_total', { ...base, code: '500' }), t, bad);
      BOUNDS.forEach((le, index) => {
        store.append(named('dur_bucket', { ...base, le }), t, buckets[index] ?? 0);
      });
      store.append(named('owner', { namespace: 'shop', pod, owner_name: pod.slice(0, 5) }), t, 1);
      store.append(named('temp', base), t, Math.sin(scrapes / 7) * 10 + (pod === 'web-a-11111' ? 0 : 5));
      scrapes += 1;
    }
  }
  return store;
}
