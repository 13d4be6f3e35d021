import * as z from 'zod';
import { analysisUseSchema } from './analysis-template.ts';
import { canaryStepSchema } from './rollout-steps.ts';
import {
  intOrPercentSchema,
  notYet,
  objectNameSchema,
  opaqueObject,
  stringMapSchema,
  withRules,
} from './schema-rules.ts';

const seconds = z.int().min(0).max(31_536_000);

export const gatewayApiRoutingSchema = z.object({
  httpRoute: objectNameSchema.meta({ description: 'Name of the HTTPRoute, in the namespace of the Rollout.' }),
  routeTemplate: z
    .object({
      metadata: z.object({ labels: stringMapSchema.optional(), annotations: stringMapSchema.optional() }).optional(),
      spec: opaqueObject('spec of an HTTPRoute; backendRefs to the stable and the canary Service are weighted.'),
    })
    .optional()
    .meta({ description: 'Given: Sluice creates and owns the HTTPRoute.' }),
  grpcRoute: notYet('grpcRoute', 'use httpRoute', 'GRPCRoute.', 'string'),
});

const LATER_ROUTERS = ['istio', 'traefik', 'nginx', 'contour', 'alb', 'smi', 'apisix', 'plugins'] as const;

export const trafficRoutingSchema = withRules(
  z.object({
    gatewayAPI: gatewayApiRoutingSchema.optional(),
    maxTrafficWeight: z.int().min(1).max(1_000_000).optional().meta({ description: 'What full traffic is; 100.' }),
    managedRoutes: notYet('managedRoutes', 'leave it out', 'Header and mirror routes.', 'array'),
    ...Object.fromEntries(LATER_ROUTERS.map(name => [name, notYet(name, 'use gatewayAPI', `Router ${name}.`)])),
  }),
  [
    {
      rule: 'has(self.gatewayAPI)',
      message: 'trafficRouting needs gatewayAPI, the only router of this version',
      holds: routing => routing.gatewayAPI !== undefined,
    },
  ],
);

const servicePort = z.object({
  name: z.string().max(63).optional(),
  port: z.int().min(1).max(65_535),
  targetPort: z
    .union([z.int().min(1).max(65_535), z.string().min(1).max(63)])
    .optional()
    .meta({ 'x-kubernetes-int-or-string': true }),
  // The length is for API servers before 1.33, which do not see how long the values of an enumeration are.
  protocol: z.enum(['TCP', 'UDP', 'SCTP']).optional().meta({ maxLength: 4 }),
  appProtocol: z.string().max(253).optional(),
});

/**
 * What no Service can be made of is refused when it is written. One that is stored is left to the API server: with Services that are
 * there already nothing depends on it.
 */
const ofPorts = (rule: string, message: string) => ({ rule, message, holds: () => true });

const serviceTemplate = z.object({
  ports: withRules(z.array(servicePort).min(1).max(20), [
    ofPorts("self.size() == 1 || self.all(p, has(p.name) && p.name != '')", 'several ports need a name each'),
    ofPorts(
      "self.all(p, !has(p.name) || p.name == '' || self.exists_one(q, has(q.name) && q.name == p.name))",
      'two ports have one name',
    ),
    ofPorts(
      "self.all(p, self.exists_one(q, q.port == p.port && (has(q.protocol) ? q.protocol : 'TCP') == (has(p.protocol) ? p.protocol : 'TCP')))",
      'two ports have one number and protocol',
    ),
  ]),
});

const antiAffinity = notYet('antiAffinity', 'put the rule into the pod template', 'Anti-affinity between revisions.');

export const canaryStrategySchema = withRules(
  z.object({
    stableService: objectNameSchema.optional(),
    canaryService: objectNameSchema.optional(),
    serviceTemplate: serviceTemplate.optional().meta({ description: 'Given: Sluice creates and owns both Services.' }),
    maxSurge: intOrPercentSchema.optional().meta({ description: 'Default 25%, rounded up. Without a router only.' }),
    maxUnavailable: intOrPercentSchema
      .optional()
      .meta({ description: 'Default 25%, rounded down. Without a router only.' }),
    steps: z.array(canaryStepSchema).max(100).optional(),
    analysis: analysisUseSchema
      .extend({ startingStep: z.int().min(0).max(100).optional() })
      .optional()
      .meta({ description: 'Background analysis, from startingStep (0-based) to the promotion.' }),
    trafficRouting: trafficRoutingSchema.optional(),
    dynamicStableScale: z.boolean().optional(),
    minPodsPerReplicaSet: z.int().min(1).max(1_000).optional(),
    scaleDownDelaySeconds: seconds.optional().meta({ description: 'Default 30 with a router, else 0.' }),
    abortScaleDownDelaySeconds: seconds
      .optional()
      .meta({ description: 'Default 30 with a router; 0: they stay until the next revision is tried.' }),
    canaryMetadata: notYet('canaryMetadata', 'leave it out', 'Labels and annotations of the canary pods.'),
    stableMetadata: notYet('stableMetadata', 'leave it out', 'Labels and annotations of the stable pods.'),
    antiAffinity,
    pingPong: notYet('pingPong', 'use stableService and canaryService', 'Ping-pong Services.'),
    replicaProgressThreshold: notYet('replicaProgressThreshold', 'leave it out', 'Partial availability.'),
  }),
  [
    {
      rule: '(has(self.stableService) && has(self.canaryService)) || !has(self.trafficRouting)',
      message: 'trafficRouting needs stableService and canaryService',
      holds: c => !c.trafficRouting || (c.stableService !== undefined && c.canaryService !== undefined),
    },
    {
      rule: '!(has(self.stableService) && has(self.canaryService)) || self.stableService != self.canaryService',
      message: 'stableService and canaryService must be two different Services',
      holds: c => c.stableService === undefined || c.stableService !== c.canaryService,
    },
    {
      rule: '!has(self.serviceTemplate) || (has(self.stableService) && has(self.canaryService))',
      message: 'serviceTemplate needs stableService and canaryService, the names of the Services to create',
      holds: c => !c.serviceTemplate || (c.stableService !== undefined && c.canaryService !== undefined),
    },
    {
      rule: 'has(self.trafficRouting) || !has(self.dynamicStableScale) || !self.dynamicStableScale',
      message: 'dynamicStableScale needs trafficRouting',
      holds: c => c.trafficRouting !== undefined || !c.dynamicStableScale,
    },
    {
      rule: 'has(self.trafficRouting) || !has(self.steps) || self.steps.all(s, !has(s.setCanaryScale))',
      message: 'setCanaryScale needs trafficRouting: without a router the share of pods is the weight',
      holds: c => c.trafficRouting !== undefined || !(c.steps ?? []).some(s => s.setCanaryScale),
      fieldPath: '.steps',
    },
    {
      rule: '!has(self.trafficRouting) || (!has(self.maxSurge) && !has(self.maxUnavailable))',
      message: 'maxSurge and maxUnavailable are for canaries without trafficRouting; with a router use setCanaryScale',
      holds: c => c.trafficRouting === undefined || (c.maxSurge === undefined && c.maxUnavailable === undefined),
    },
    {
      rule: '!has(self.steps) || (has(self.trafficRouting) && has(self.trafficRouting.maxTrafficWeight) ? self.steps.all(s, !has(s.setWeight) || s.setWeight <= self.trafficRouting.maxTrafficWeight) : self.steps.all(s, !has(s.setWeight) || s.setWeight <= 100))',
      message: 'setWeight must not exceed maxTrafficWeight (100 unless set)',
      holds: c => (c.steps ?? []).every(s => (s.setWeight ?? 0) <= (c.trafficRouting?.maxTrafficWeight ?? 100)),
      fieldPath: '.steps',
    },
    {
      rule: 'has(self.trafficRouting) || !has(self.scaleDownDelaySeconds)',
      message: 'scaleDownDelaySeconds needs trafficRouting: without a router old pods leave as new ones come',
      holds: c => c.trafficRouting !== undefined || c.scaleDownDelaySeconds === undefined,
    },
    {
      rule: 'has(self.trafficRouting) || !has(self.abortScaleDownDelaySeconds)',
      message: 'abortScaleDownDelaySeconds needs trafficRouting',
      holds: c => c.trafficRouting !== undefined || c.abortScaleDownDelaySeconds === undefined,
    },
  ],
);

export const blueGreenStrategySchema = withRules(
  z.object({
    activeService: objectNameSchema,
    previewService: objectNameSchema.optional(),
    serviceTemplate: serviceTemplate.optional().meta({ description: 'Given: Sluice creates and owns the Services.' }),
    previewReplicaCount: z.int().min(1).max(100_000).optional(),
    autoPromotionEnabled: z.boolean().optional().meta({ description: 'Default true.' }),
    autoPromotionSeconds: seconds.optional().meta({ description: 'Wait this long before promoting. Default 0.' }),
    scaleDownDelaySeconds: seconds.optional().meta({ description: 'Default 30.' }),
    abortScaleDownDelaySeconds: seconds
      .optional()
      .meta({ description: 'Default 30; 0: they stay until the next revision is tried.' }),
    prePromotionAnalysis: analysisUseSchema.optional(),
    postPromotionAnalysis: analysisUseSchema.optional(),
    previewMetadata: notYet('previewMetadata', 'leave it out', 'Labels and annotations of the preview pods.'),
    activeMetadata: notYet('activeMetadata', 'leave it out', 'Labels and annotations of the active pods.'),
    antiAffinity,
    maxUnavailable: notYet('maxUnavailable', 'leave it out', 'Restart budget.', 'intOrString'),
  }),
  [
    {
      rule: '!has(self.previewService) || self.previewService != self.activeService',
      message: 'activeService and previewService must be two different Services',
      holds: b => b.previewService !== b.activeService,
    },
    {
      rule: '!has(self.autoPromotionSeconds) || self.autoPromotionSeconds == 0 || !has(self.autoPromotionEnabled) || self.autoPromotionEnabled',
      message: 'autoPromotionSeconds needs autoPromotionEnabled: true',
      holds: b => (b.autoPromotionSeconds ?? 0) === 0 || b.autoPromotionEnabled !== false,
    },
  ],
);

export type CanaryStrategy = z.infer<typeof canaryStrategySchema>;
export type BlueGreenStrategy = z.infer<typeof blueGreenStrategySchema>;
export type GatewayApiRouting = z.infer<typeof gatewayApiRoutingSchema>;
export type ServiceTemplate = z.infer<typeof serviceTemplate>;
