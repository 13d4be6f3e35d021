import { ROLLOUT_SPECS } from './spec-corpus-rollout.ts';

/** One spec and what the contract says to it: accepted without `error`, else refused with a message that contains it. */
export interface SpecCase {
  readonly name: string;
  readonly kind: string;
  readonly spec: unknown;
  readonly error?: string;
}

const QUERY = { prometheus: { query: 'up' } };
const metric = (fields: object = {}) => ({ name: 'm', provider: QUERY, ...fields });
const template = (fields: object = {}) => ({ metrics: [metric(fields)] });
const TEMPLATES: readonly [string, unknown, string?][] = [
  ['a metric that is only measured', template()],
  ['a threshold', template({ threshold: { min: 0.95 }, interval: '30s', count: 10, failureLimit: 2 })],
  ['conditions', template({ successCondition: 'result[0] >= 0.95', failureCondition: 'result[0] < 0.9' })],
  [
    'every field of a metric',
    template({
      interval: 30,
      initialDelay: '1m',
      count: 0,
      failureLimit: 2,
      consecutiveFailureLimit: 1,
      consecutiveSuccessLimit: 3,
      inconclusiveLimit: 1,
      consecutiveErrorLimit: 2,
      onNoData: 'Hold',
      noDataDeadline: '10m',
      noDataAction: 'Abort',
      provider: {
        prometheus: {
          query: 'up',
          providerRef: 'main',
          timeout: '5s',
          rangeQuery: { lookback: '5m', step: '30s' },
          maxAge: '2m',
        },
      },
    }),
  ],
  [
    'arguments',
    {
      args: [
        { name: 'a' },
        { name: 'b', value: '1' },
        { name: 'c', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } },
      ],
      ...template(),
    },
  ],
  ['no metrics', { metrics: [] }, 'expected array to have >=1 items'],
  ['metrics absent', {}, 'expected array'],
  [
    'threshold and condition',
    template({ threshold: { min: 1 }, successCondition: 'true' }),
    'a metric is judged by threshold or by conditions, not by both',
  ],
  ['threshold of nothing', template({ threshold: {} }), 'threshold needs min or max'],
  [
    'a threshold that nothing can pass',
    template({ threshold: { min: 5, max: 1.5 } }),
    'threshold needs min not above max, or nothing can pass',
  ],
  ['a threshold of one number', template({ threshold: { min: 0.5, max: 0.5 } })],
  ['an interval of a year', template({ interval: 31_536_000 })],
  ['an interval of more than a year', template({ interval: 31_536_001 }), 'expected number to be <=31536000'],
  ['two metrics', { metrics: [metric(), metric({ name: 'n' })] }],
  ['two metrics of one name', { metrics: [metric(), metric()] }, 'two metrics have the same name; rename one'],
  ['count without interval', template({ count: 2 }), 'count above 1 needs interval'],
  ['count 1 without interval', template({ count: 1 })],
  [
    'a limit that can never be passed',
    template({ interval: '1s', count: 3, failureLimit: 3 }),
    'failureLimit must be below count, or the metric can never fail',
  ],
  [
    'a data deadline for what does not hold',
    template({ onNoData: 'Fail', noDataDeadline: '5m' }),
    'noDataDeadline needs onNoData: Hold',
  ],
  ['a data deadline by default', template({ noDataDeadline: '5m' })],
  ['an unknown onNoData', template({ onNoData: 'Guess' }), 'Invalid option'],
  ['no provider', { metrics: [{ name: 'm' }] }, 'a metric needs exactly one of: provider, compare'],
  [
    'compare',
    { metrics: [{ name: 'm', compare: {} }] },
    'compare is not supported in this version: use provider.prometheus with a threshold or a condition',
  ],
  [
    'another provider',
    template({ provider: { web: {} } }),
    'provider needs prometheus, the only provider of this version',
  ],
  [
    'a provider besides prometheus',
    template({ provider: { prometheus: { query: 'up' }, job: {} } }),
    'job is not supported in this version: use prometheus',
  ],
  ['an empty query', template({ provider: { prometheus: { query: '' } } }), 'expected string to have >=1 characters'],
  [
    'an age of samples that an instant query does not tell',
    template({ provider: { prometheus: { query: 'up', maxAge: '1m' } } }),
    'maxAge needs rangeQuery; in an instant query use timestamp() or a shorter [window]',
  ],
  [
    'an argument with value and source',
    { args: [{ name: 'a', value: '1', valueFrom: {} }], ...template() },
    'an argument has either value or valueFrom, not both',
  ],
  [
    'a condition that is too long',
    template({ successCondition: 'x'.repeat(1025) }),
    'expected string to have <=1024 characters',
  ],
  ['a metric without a name', template({ name: '' }), 'expected string to have >=1 characters'],
];

const PROVIDERS: readonly [string, unknown, string?][] = [
  ['the smallest provider', { type: 'prometheus', address: 'http://prometheus.monitoring:9090' }],
  [
    'every field',
    {
      type: 'prometheus',
      address: 'https://mimir/prom',
      timeout: '5s',
      headers: { a: 'b' },
      secretHeaders: [{ name: 'x', secretKeyRef: { name: 's', key: 'k' } }],
      queryParameters: { dedup: 'true' },
      tenant: 'a',
      auth: { basic: { username: 'u', passwordSecretRef: { name: 's', key: 'k' } } },
      tls: {
        caSecretRef: { name: 's', key: 'ca' },
        clientCertSecretRef: { name: 's', key: 'c' },
        clientKeySecretRef: { name: 's', key: 'k' },
        serverName: 'x',
      },
      namespaces: ['a'],
    },
  ],
  ['another type', { type: 'datadog', address: 'http://x' }, 'Invalid input: expected "prometheus"'],
  ['an address without scheme', { type: 'prometheus', address: 'prometheus:9090' }, 'Invalid string'],
  ['credentials in the address', { type: 'prometheus', address: 'http://user:pass@x' }, 'Invalid string'],
  ['a file address', { type: 'prometheus', address: 'file:///etc/passwd' }, 'Invalid string'],
  [
    'two kinds of auth',
    {
      type: 'prometheus',
      address: 'http://x',
      auth: {
        basic: { username: 'u', passwordSecretRef: { name: 's', key: 'k' } },
        bearer: { tokenSecretRef: { name: 's', key: 'k' } },
      },
    },
    'auth has either basic or bearer',
  ],
  [
    'oauth2',
    { type: 'prometheus', address: 'http://x', auth: { oauth2: {} } },
    'oauth2 is not supported in this version: use bearer with a token that something else renews',
  ],
  [
    'sigv4',
    { type: 'prometheus', address: 'http://x', auth: { sigv4: {} } },
    'sigv4 is not supported in this version: put a signing proxy in front',
  ],
  [
    'a client certificate without its key',
    { type: 'prometheus', address: 'http://x', tls: { clientCertSecretRef: { name: 's', key: 'k' } } },
    'tls needs clientCertSecretRef and clientKeySecretRef together',
  ],
];

const NOTIFIERS: readonly [string, unknown, string?][] = [
  ['slack', { slack: { urlSecretRef: { name: 's', key: 'k' }, channel: '#ops' } }],
  [
    'webhook',
    {
      events: ['Aborted', 'Invalid'],
      rollouts: ['shop'],
      webhook: { url: 'https://x', headers: { a: 'b' }, hmacSecretRef: { name: 's', key: 'k' } },
    },
  ],
  ['alertmanager', { alertmanager: { url: 'http://am:9093', labels: { team: 'a' } } }],
  ['no channel', {}, 'a Notifier needs exactly one of: slack, webhook, alertmanager'],
  [
    'two channels',
    { webhook: { url: 'https://x' }, slack: { url: 'https://x' } },
    'a Notifier needs exactly one of: slack, webhook, alertmanager',
  ],
  ['a channel without address', { slack: {} }, 'slack needs exactly one of: url, urlSecretRef'],
  [
    'a webhook with two addresses',
    { webhook: { url: 'https://x', urlSecretRef: { name: 's', key: 'k' } } },
    'webhook needs exactly one of: url, urlSecretRef',
  ],
  ['alertmanager without address', { alertmanager: {} }, 'alertmanager needs exactly one of: url, urlSecretRef'],
  ['an unknown event', { events: ['Everything'], webhook: { url: 'https://x' } }, 'Invalid option'],
  ['an address that is none', { webhook: { url: 'x' } }, 'Invalid string'],
];

const SYNCS: readonly [string, unknown, string?][] = [
  ['the smallest', { repository: 'https://git/shop', branch: 'main' }],
  [
    'every field',
    {
      repository: 'file:///srv/git/shop',
      branch: 'main',
      path: 'apps/shop',
      interval: '1m',
      prune: false,
      suspend: true,
      secretRef: { name: 's' },
    },
  ],
  [
    'a path that leaves the repository',
    { repository: 'https://git/shop', branch: 'main', path: 'apps/../../etc' },
    'path must stay inside the repository',
  ],
  ['two dots in a name', { repository: 'https://git/shop', branch: 'main', path: 'apps/a..b' }],
  ['ssh', { repository: 'git@host:shop', branch: 'main' }, 'Invalid string'],
  ['credentials in the URL', { repository: 'https://u:p@git/shop', branch: 'main' }, 'Invalid string'],
  ['no branch', { repository: 'https://git/shop' }, 'expected string'],
];

const RUNS: readonly [string, unknown, string?][] = [
  ['a run', { metrics: [metric()], args: [{ name: 'a', value: 'b' }], dryRun: [{ metricName: '*' }], terminate: true }],
  ['no metrics', { metrics: [] }, 'expected array to have >=1 items'],
];

function cases(kind: string, rows: readonly [string, unknown, string?][]): SpecCase[] {
  return rows.map(([name, spec, error]) => ({ name, kind, spec, ...(error === undefined ? {} : { error }) }));
}

/** Good and broken specs of every kind. The schemas and an API server must give the same verdict on each. */
export const SPEC_CORPUS: readonly SpecCase[] = [
  ...cases('Rollout', ROLLOUT_SPECS),
  ...cases('AnalysisTemplate', TEMPLATES),
  ...cases('ClusterAnalysisTemplate', TEMPLATES),
  ...cases('AnalysisRun', RUNS),
  ...cases('MetricProvider', PROVIDERS),
  ...cases('Notifier', NOTIFIERS),
  ...cases('GitSync', SYNCS),
];
