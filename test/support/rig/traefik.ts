import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureTraefik } from '../binaries/traefik-binary.ts';
import type { ApiAccess } from '../control-plane/api-client.ts';
import { startChildProgram } from '../control-plane/child-program.ts';
import { makeTempFolder } from '../control-plane/temp-folder.ts';
import { waitUntilReady } from './wait-until-ready.ts';

/** A running Traefik: the gateway through which the requests of a test go. */
export interface Traefik {
  /** Where requests go in, `http://127.0.0.1:port`; the Host header chooses the route. */
  readonly url: string;
  /** Its API. */
  readonly ownUrl: string;
  readonly pid: number;
  stop(): Promise<void>;
}

/** The controller that Traefik is for GatewayClasses. */
export const TRAEFIK_CONTROLLER = 'traefik.io/gateway-controller';

/**
 * Starts a real Traefik as the Gateway API implementation of a cluster. `ports.web` has to be the port of the Gateway's
 * listener, since Traefik looks for the entry point with that port.
 */
export async function startTraefik(access: ApiAccess, ports: { web: number; own: number }): Promise<Traefik> {
  const program = await ensureTraefik();
  const folder = makeTempFolder('sluice-traefik');
  const file = (name: string, content: string) => {
    const path = join(folder.path, name);
    writeFileSync(path, content, { mode: 0o600 });
    return path;
  };
  const provider = '--providers.kubernetesgateway';
  const flags = [
    `${provider}=true`,
    `${provider}.endpoint=${access.server}`,
    `${provider}.token=${file('token', access.token)}`,
    `${provider}.certauthfilepath=${file('ca.pem', access.caPem)}`,
    `${provider}.statusaddress.ip=127.0.0.1`,
    `--entrypoints.web.address=127.0.0.1:${ports.web}`,
    `--entrypoints.traefik.address=127.0.0.1:${ports.own}`,
    // Two seconds when absent: a new weight would be in force that late.
    '--providers.providersThrottleDuration=50ms',
    '--ping=true',
    '--api.insecure=true',
    '--global.checknewversion=false',
    '--global.sendanonymoususage=false',
    '--log.level=WARN',
  ];
  const child = await startChildProgram(program, flags, join(folder.path, 'traefik.log'));
  const stop = async () => {
    await child.stop();
    await folder.remove();
  };
  await waitUntilReady(child, `http://127.0.0.1:${ports.own}/ping`).catch(async error => {
    await stop();
    throw error;
  });
  const ownUrl = `http://127.0.0.1:${ports.own}`;
  return { url: `http://127.0.0.1:${ports.web}`, ownUrl, pid: child.pid, stop };
}
