import { readFileSync } from 'node:fs';
import type { ApiAccess } from '../../support/control-plane/api-client.ts';
import { startFakeGatewayController } from '../../support/control-plane/fake-gateway-controller.ts';
import { startFakeKubelet } from '../../support/fake-kubelet.ts';

/*
 * A program of its own: the fake kubelet or the fake gateway controller, `world-process.ts ROLE KUBECONFIG`. Apart from the
 * bench, so that neither holds up the other's event loop, and /proc tells what each of them costs.
 */
const [role, file = ''] = process.argv.slice(2);

interface Kubeconfig {
  readonly clusters: readonly [
    { readonly cluster: { readonly server: string; readonly 'certificate-authority-data': string } },
  ];
  readonly users: readonly [{ readonly user: { readonly token: string } }];
}

const { clusters, users } = JSON.parse(readFileSync(file, 'utf8')) as Kubeconfig;
const access: ApiAccess = {
  server: clusters[0].cluster.server,
  caPem: Buffer.from(clusters[0].cluster['certificate-authority-data'], 'base64').toString('utf8'),
  token: users[0].user.token,
};
// A write that failed leaves one pod behind, and the phase that waits for it says so; the other pods shall live.
process.on('unhandledRejection', error => console.error(error));
if (role === 'kubelet') await startFakeKubelet(access, { mode: 'instant' });
else if (role === 'gateway') await startFakeGatewayController(access);
else throw new Error(`there is no role "${role}"`);
console.log(`${role} runs`);
