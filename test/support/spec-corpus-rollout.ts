import { blueGreenSpec, canarySpec, templateOf } from './rollout-builder.ts';

const step = (value: unknown) => canarySpec({ steps: [value] });
const canary = (fields: Record<string, unknown>) => canarySpec({ canary: fields });
const unrouted = (fields: Record<string, unknown>) =>
  canarySpec({ router: false, steps: [{ setWeight: 20 }], canary: fields });
const rollout = (fields: Record<string, unknown>) => canarySpec({ spec: fields });
const routing = (fields: object) => canary({ trafficRouting: fields });
const GATEWAY = { gatewayAPI: { httpRoute: 'shop' } };
const ONE_STEP = 'a step needs exactly one of: setWeight, pause, analysis, setCanaryScale';

/** Rollout specs: name, spec, and a part of the message where the contract refuses it. */
export const ROLLOUT_SPECS: readonly [string, unknown, string?][] = [
  ['the smallest canary', { selector: { matchLabels: { a: 'b' } }, template: {}, strategy: { canary: {} } }],
  ['a routed canary', canarySpec()],
  ['a canary without a router', canarySpec({ router: false })],
  ['a blue-green', blueGreenSpec()],
  [
    'every kind of step',
    canarySpec({
      steps: [
        { setWeight: 0 },
        { pause: {} },
        { pause: { duration: '1h30m' } },
        { pause: { duration: 5 } },
        { setCanaryScale: { replicas: 0 } },
        { setCanaryScale: { weight: 150 } },
        { setCanaryScale: { matchTrafficWeight: true } },
        {
          analysis: {
            templates: [{ templateName: 'x', clusterScope: true }],
            args: [{ name: 'a', value: 'b' }],
            dryRun: [{ metricName: 'p95*' }],
          },
        },
      ],
    }),
  ],
  [
    'every field of a Rollout',
    rollout({
      minReadySeconds: 5,
      progressDeadlineSeconds: 60,
      progressDeadlineAbort: false,
      canaryRestartLimit: 0,
      revisionHistoryLimit: 0,
      rollbackWindow: { revisions: 0 },
      paused: true,
      onAbort: { git: 'None' },
    }),
  ],
  ['selector by expression', rollout({ selector: { matchExpressions: [{ key: 'a', operator: 'Exists' }] } })],
  [
    'no strategy',
    { selector: { matchLabels: { a: 'b' } }, template: {}, strategy: {} },
    'strategy needs exactly one of: canary, blueGreen',
  ],
  ['strategy absent', { selector: { matchLabels: { a: 'b' } }, template: {} }, 'expected object'],
  [
    'two strategies',
    { ...canarySpec(), strategy: { canary: {}, blueGreen: { activeService: 'a' } } },
    'strategy needs exactly one of: canary, blueGreen',
  ],
  [
    'no template',
    { selector: { matchLabels: { a: 'b' } }, strategy: { canary: {} } },
    'a Rollout needs selector and template',
  ],
  ['no selector', { template: {}, strategy: { canary: {} } }, 'a Rollout needs selector and template'],
  [
    'an empty selector',
    rollout({ selector: {} }),
    'selector must not be empty: it would select every pod of the namespace',
  ],
  [
    'an empty selector map',
    rollout({ selector: { matchLabels: {}, matchExpressions: [] } }),
    'selector must not be empty',
  ],
  [
    'an unknown operator',
    rollout({ selector: { matchExpressions: [{ key: 'a', operator: 'Gt' }] } }),
    'Invalid option',
  ],
  [
    'workloadRef',
    rollout({ workloadRef: { name: 'x' } }),
    'workloadRef is not supported in this version: move the template into the Rollout',
  ],
  [
    'restartAt',
    rollout({ restartAt: '2026-01-01T00:00:00Z' }),
    'restartAt is not supported in this version: leave it out',
  ],
  ['negative replicas', rollout({ replicas: -1 }), 'expected number to be >=0'],
  ['replicas that are no integer', rollout({ replicas: 1.5 }), 'expected int'],
  ['replicas as text', rollout({ replicas: '3' }), 'expected number'],
  ['a template that is text', rollout({ template: 'x' }), 'expected record'],
  [
    'a deadline within minReadySeconds',
    rollout({ minReadySeconds: 60, progressDeadlineSeconds: 60 }),
    'progressDeadlineSeconds (600 when left out) must exceed minReadySeconds, or no pod can become available in time',
  ],
  [
    'the deadline that holds when none is given, within minReadySeconds',
    rollout({ minReadySeconds: 700 }),
    'progressDeadlineSeconds (600 when left out) must exceed minReadySeconds, or no pod can become available in time',
  ],
  ['a deadline of no time', rollout({ progressDeadlineSeconds: 0 }), 'expected number to be >=1'],
  ['an unknown Git action', rollout({ onAbort: { git: 'Shout' } }), 'Invalid option'],
  [
    'a Git action to come',
    rollout({ onAbort: { git: 'Push' } }),
    'onAbort.git is not supported in this version: use None',
  ],
  [
    'a field of the Rollout as an argument',
    step({ analysis: { templates: [{ templateName: 't' }], args: [{ name: 'a', valueFrom: { fieldRef: {} } }] } }),
    'fieldRef is not supported in this version: give the value itself',
  ],
  ['a weight and a plugin in one step', step({ setWeight: 5, plugin: {} }), 'plugin is not supported in this version'],
  ['a step of nothing', step({}), ONE_STEP],
  ['a step of two things', step({ setWeight: 5, pause: {} }), ONE_STEP],
  [
    'a header route',
    step({ setHeaderRoute: {} }),
    'setHeaderRoute is not supported in this version: use setWeight, pause, analysis, setCanaryScale',
  ],
  ['a mirror route', step({ setMirrorRoute: {} }), 'setMirrorRoute is not supported in this version'],
  ['an experiment', step({ experiment: {} }), 'experiment is not supported in this version'],
  ['a step plugin', step({ plugin: {} }), 'plugin is not supported in this version'],
  ['weight above 100', step({ setWeight: 101 }), 'setWeight must not exceed maxTrafficWeight (100 unless set)'],
  [
    'weight above maxTrafficWeight',
    canarySpec({ steps: [{ setWeight: 1001 }], canary: { trafficRouting: { ...GATEWAY, maxTrafficWeight: 1000 } } }),
    'setWeight must not exceed maxTrafficWeight',
  ],
  [
    'weight up to maxTrafficWeight',
    canarySpec({ steps: [{ setWeight: 1000 }], canary: { trafficRouting: { ...GATEWAY, maxTrafficWeight: 1000 } } }),
  ],
  ['negative weight', step({ setWeight: -1 }), 'expected number to be >=0'],
  ['a fraction as weight', step({ setWeight: 0.5 }), 'expected int'],
  ['a pause in days', step({ pause: { duration: '1d' } }), 'Invalid string: must match pattern'],
  [
    'two ways to scale',
    step({ setCanaryScale: { replicas: 1, weight: 10 } }),
    'setCanaryScale needs exactly one of: replicas, weight, matchTrafficWeight',
  ],
  [
    'no way to scale',
    step({ setCanaryScale: {} }),
    'setCanaryScale needs exactly one of: replicas, weight, matchTrafficWeight',
  ],
  ['an analysis of no templates', step({ analysis: { templates: [] } }), 'expected array to have >=1 items'],
  ['a nameless template', step({ analysis: { templates: [{}] } }), 'expected string'],
  [
    'a router without Services',
    { ...canarySpec({ router: false }), strategy: { canary: { trafficRouting: GATEWAY } } },
    'trafficRouting needs stableService and canaryService',
  ],
  [
    'one Service for both',
    canary({ canaryService: 'stable' }),
    'stableService and canaryService must be two different Services',
  ],
  ['a nameless Service', canary({ canaryService: '' }), 'expected string to have >=1 characters'],
  [
    'serviceTemplate without names',
    unrouted({ serviceTemplate: { ports: [{ port: 80 }] } }),
    'serviceTemplate needs stableService and canaryService, the names of the Services to create',
  ],
  ['serviceTemplate', canary({ serviceTemplate: { ports: [{ port: 80, targetPort: 'http', protocol: 'TCP' }] } })],
  ['a Service without ports', canary({ serviceTemplate: { ports: [] } }), 'expected array to have >=1 items'],
  [
    'Service ports with a name each, of one number by two protocols',
    canary({
      serviceTemplate: {
        ports: [
          { name: 'web', port: 80 },
          { name: 'dns', port: 53, protocol: 'UDP' },
          { name: 'dns-tcp', port: 53 },
        ],
      },
    }),
  ],
  ['a Service port with an empty name', canary({ serviceTemplate: { ports: [{ name: '', port: 80 }] } })],
  ['port 0', canary({ serviceTemplate: { ports: [{ port: 0 }] } }), 'expected number to be >=1'],
  [
    'dynamicStableScale without a router',
    unrouted({ dynamicStableScale: true }),
    'dynamicStableScale needs trafficRouting',
  ],
  ['dynamicStableScale false without a router', unrouted({ dynamicStableScale: false })],
  [
    'setCanaryScale without a router',
    canarySpec({ router: false, steps: [{ setCanaryScale: { replicas: 1 } }] }),
    'setCanaryScale needs trafficRouting: without a router the share of pods is the weight',
  ],
  [
    'maxSurge with a router',
    canary({ maxSurge: 1 }),
    'maxSurge and maxUnavailable are for canaries without trafficRouting; with a router use setCanaryScale',
  ],
  [
    'maxUnavailable with a router',
    canary({ maxUnavailable: '10%' }),
    'maxSurge and maxUnavailable are for canaries without trafficRouting',
  ],
  ['surge and unavailable', unrouted({ maxSurge: '25%', maxUnavailable: 0 })],
  ['a number in text as surge', unrouted({ maxSurge: '25' }), 'Invalid string: must match pattern /^[0-9]+%$/'],
  [
    'scale-down delay without a router',
    unrouted({ scaleDownDelaySeconds: 5 }),
    'scaleDownDelaySeconds needs trafficRouting: without a router old pods leave as new ones come',
  ],
  [
    'abort delay without a router',
    unrouted({ abortScaleDownDelaySeconds: 5 }),
    'abortScaleDownDelaySeconds needs trafficRouting',
  ],
  ['no router in trafficRouting', routing({}), 'trafficRouting needs gatewayAPI, the only router of this version'],
  ...['istio', 'traefik', 'nginx', 'contour', 'alb', 'smi', 'apisix', 'plugins'].map(
    (name): [string, unknown, string] => [
      `router ${name}`,
      routing({ ...GATEWAY, [name]: {} }),
      `${name} is not supported in this version: use gatewayAPI`,
    ],
  ),
  [
    'managed routes',
    routing({ ...GATEWAY, managedRoutes: [] }),
    'managedRoutes is not supported in this version: leave it out',
  ],
  [
    'a GRPCRoute',
    routing({ gatewayAPI: { httpRoute: 'shop', grpcRoute: 'x' } }),
    'grpcRoute is not supported in this version: use httpRoute',
  ],
  ['an owned route', routing({ gatewayAPI: { httpRoute: 'shop', routeTemplate: { spec: { rules: [] } } } })],
  [
    'an owned route without a spec',
    routing({ gatewayAPI: { httpRoute: 'shop', routeTemplate: {} } }),
    'expected record',
  ],
  ...['canaryMetadata', 'stableMetadata', 'antiAffinity', 'pingPong', 'replicaProgressThreshold'].map(
    (name): [string, unknown, string] => [name, canary({ [name]: {} }), `${name} is not supported in this version`],
  ),
  ['a background analysis', canarySpec({ analysis: { templates: [{ templateName: 'x' }], startingStep: 2 } })],
  [
    'a negative startingStep',
    canarySpec({ analysis: { templates: [{ templateName: 'x' }], startingStep: -1 } }),
    'expected number to be >=0',
  ],
  ['minPodsPerReplicaSet 0', canary({ minPodsPerReplicaSet: 0 }), 'expected number to be >=1'],
  [
    'every field of a blue-green',
    blueGreenSpec({
      previewReplicaCount: 1,
      autoPromotionEnabled: true,
      autoPromotionSeconds: 5,
      scaleDownDelaySeconds: 0,
      abortScaleDownDelaySeconds: 0,
      prePromotionAnalysis: { templates: [{ templateName: 'x' }] },
      postPromotionAnalysis: { templates: [{ templateName: 'x' }] },
      serviceTemplate: { ports: [{ port: 80 }] },
    }),
  ],
  ['a blue-green without activeService', { ...blueGreenSpec(), strategy: { blueGreen: {} } }, 'expected string'],
  [
    'one Service for active and preview',
    blueGreenSpec({ previewService: 'active' }),
    'activeService and previewService must be two different Services',
  ],
  [
    'a manual promotion with a timer',
    blueGreenSpec({ autoPromotionEnabled: false, autoPromotionSeconds: 5 }),
    'autoPromotionSeconds needs autoPromotionEnabled: true',
  ],
  ['a manual promotion with a timer of 0', blueGreenSpec({ autoPromotionEnabled: false, autoPromotionSeconds: 0 })],
  ['previewReplicaCount 0', blueGreenSpec({ previewReplicaCount: 0 }), 'expected number to be >=1'],
  ...['previewMetadata', 'activeMetadata', 'antiAffinity'].map((name): [string, unknown, string] => [
    `blue-green ${name}`,
    blueGreenSpec({ [name]: {} }),
    `${name} is not supported in this version`,
  ]),
  [
    'blue-green maxUnavailable',
    blueGreenSpec({ maxUnavailable: 1 }),
    'maxUnavailable is not supported in this version: leave it out',
  ],
  [
    'a pod template kept as it is',
    { ...canarySpec(), template: { ...templateOf('1'), futureField: { a: [1, null] } } },
  ],
];
