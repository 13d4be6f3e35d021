/** The TCP ports of a control plane on 127.0.0.1. */
export interface Ports {
  readonly etcd: number;
  readonly etcdPeer: number;
  readonly apiserver: number;
  readonly controllerManager: number;
}

/** Maps a file name to its path in the control plane's folder. */
type InFolder = (name: string) => string;

/** Controllers that the tests rely on; the others only cost start time and memory. */
const CONTROLLERS = [
  'deployment-controller',
  'replicaset-controller',
  'endpointslice-controller',
  'garbage-collector-controller',
  'namespace-controller',
  'horizontal-pod-autoscaler-controller',
  'job-controller',
  'disruption-controller',
];

/** etcd without fsync: the data lives as long as the test. */
export function etcdFlags(file: InFolder, { etcd, etcdPeer }: Ports): string[] {
  const client = `http://127.0.0.1:${etcd}`;
  const peer = `http://127.0.0.1:${etcdPeer}`;
  return [
    '--name=rig',
    `--data-dir=${file('etcd')}`,
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=rig=${peer}`,
    '--unsafe-no-fsync',
    '--log-level=warn',
  ];
}

/** kube-apiserver with RBAC, static tokens, default admission (less ServiceAccount) and an audit log. */
export function apiserverFlags(file: InFolder, { etcd, apiserver }: Ports): string[] {
  return [
    `--etcd-servers=http://127.0.0.1:${etcd}`,
    '--bind-address=127.0.0.1',
    '--advertise-address=127.0.0.1',
    `--secure-port=${apiserver}`,
    '--endpoint-reconciler-type=none',
    `--cert-dir=${file('.')}`,
    `--token-auth-file=${file('tokens.csv')}`,
    '--authorization-mode=RBAC',
    // A /24 of service addresses would end at 254 Services.
    '--service-cluster-ip-range=10.96.0.0/12',
    '--allow-privileged=true',
    '--disable-admission-plugins=ServiceAccount,TaintNodesByCondition',
    `--service-account-issuer=https://127.0.0.1:${apiserver}/`,
    `--service-account-key-file=${file('sa.pub')}`,
    `--service-account-signing-key-file=${file('sa.key')}`,
    `--audit-policy-file=${file('audit-policy.json')}`,
    `--audit-log-path=${file('audit.log')}`,
    '--event-ttl=24h',
  ];
}

/** kube-controller-manager with the controllers that the tests rely on, under one identity and without client limits. */
export function controllerManagerFlags(file: InFolder, { controllerManager }: Ports): string[] {
  return [
    `--kubeconfig=${file('controllerManager.kubeconfig')}`,
    '--bind-address=127.0.0.1',
    `--secure-port=${controllerManager}`,
    `--cert-dir=${file('controller-manager-certs')}`,
    '--leader-elect=false',
    '--use-service-account-credentials=false',
    '--authentication-skip-lookup=true',
    '--kube-api-qps=1000',
    '--kube-api-burst=2000',
    `--controllers=${CONTROLLERS.join(',')}`,
  ];
}
