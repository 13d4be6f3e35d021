/** A kubeconfig (JSON is YAML) for one user with a bearer token. */
export function kubeconfig(cluster: { server: string; caPem: string }, user: string, token: string): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'rig',
    clusters: [
      {
        name: 'rig',
        cluster: {
          server: cluster.server,
          'certificate-authority-data': Buffer.from(cluster.caPem).toString('base64'),
        },
      },
    ],
    users: [{ name: user, user: { token } }],
    contexts: [{ name: 'rig', context: { cluster: 'rig', user } }],
  });
}
