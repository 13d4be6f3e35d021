import { RIG_USERS } from '../../support/control-plane/users.ts';

/** What the operator writes to and others write to as well; needed to tell a write that changed nothing. */
const SHARED = [
  { group: 'sluice.dev', resources: ['rollouts', 'rollouts/*', 'analysisruns', 'analysisruns/*'] },
  { group: 'apps', resources: ['replicasets', 'replicasets/*', 'controllerrevisions'] },
  { group: 'gateway.networking.k8s.io', resources: ['httproutes', 'httproutes/*'] },
  { group: '', resources: ['services', 'services/*'] },
];

/**
 * Keeps what the bench evaluates and nothing else: every request of the operator apart from watches, and every change of
 * the kinds that it writes, whoever made it. At 5000 Rollouts the log of everything would cost the API server more than
 * the operator does.
 */
export const BENCH_AUDIT_POLICY = JSON.stringify({
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived', 'ResponseStarted', 'Panic'],
  rules: [
    { level: 'None', verbs: ['watch'] },
    { level: 'Metadata', users: [RIG_USERS.operator.name] },
    { level: 'Metadata', verbs: ['patch', 'update'], resources: SHARED },
    { level: 'None' },
  ],
});
