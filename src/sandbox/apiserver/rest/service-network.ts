import { invalid, invalidValue } from '../api-error.ts';
import type { JsonObject, KubeObject } from '../json.ts';
import { arrayAt, ensureObject, isObject, numberAt, stringAt } from '../json.ts';
import type { Store } from '../storage/store.ts';

const firstAddress = (10 << 24) + (96 << 16) + 10;
const addresses = 65_000;
const firstNodePort = 30_000;
const nodePorts = 2768;

/** Hands out cluster IPs of 10.96.0.0/16 and node ports of 30000-32767 to services. */
export class ServiceNetwork {
  private readonly store: Store;
  private nextAddress = 0;
  private nextPort = 0;

  constructor(store: Store) {
    this.store = store;
  }

  /** Fills in `clusterIP`, `clusterIPs`, IP families and node ports; throws a 422 when an asked address is taken. */
  allocate(service: KubeObject): void {
    const spec = ensureObject(service, 'spec');
    if (service.status === undefined) service.status = { loadBalancer: {} };
    if (spec.type === 'ExternalName') return;
    const asked = stringAt(spec, 'clusterIP') ?? '';
    const { ips, ports } = this.taken(stringAt(service.metadata, 'uid') ?? '');
    if (asked === '') spec.clusterIP = this.freeAddress(ips);
    else if (asked !== 'None' && ips.has(asked)) {
      throw invalid({ group: '', kind: 'Service' }, stringAt(service.metadata, 'name') ?? '', [
        invalidValue('spec.clusterIPs', [asked], `failed to allocate IP ${asked}: provided IP is already allocated`),
      ]);
    }
    spec.clusterIPs = [spec.clusterIP ?? ''];
    spec.ipFamilies ??= ['IPv4'];
    spec.ipFamilyPolicy ??= 'SingleStack';
    this.allocatePorts(spec, ports);
  }

  private allocatePorts(spec: JsonObject, taken: Set<number>): void {
    const wantsPorts = spec.type === 'NodePort' || spec.type === 'LoadBalancer';
    for (const port of arrayAt(spec, 'ports')) {
      if (!isObject(port)) continue;
      if (!wantsPorts) delete port.nodePort;
      else if ((numberAt(port, 'nodePort') ?? 0) === 0) port.nodePort = this.freePort(taken);
    }
  }

  private taken(ownUid: string): { ips: Set<string>; ports: Set<number> } {
    const ips = new Set<string>();
    const ports = new Set<number>();
    for (const service of this.store.list('/services').objects) {
      if (service.metadata.uid === ownUid) continue;
      const spec = isObject(service.spec) ? service.spec : {};
      ips.add(stringAt(spec, 'clusterIP') ?? '');
      for (const port of arrayAt(spec, 'ports')) ports.add(isObject(port) ? (numberAt(port, 'nodePort') ?? 0) : 0);
    }
    return { ips, ports };
  }

  private freeAddress(taken: Set<string>): string {
    for (let tries = 0; tries < addresses; tries += 1) {
      const number = firstAddress + this.nextAddress;
      this.nextAddress = (this.nextAddress + 1) % addresses;
      const ip = [24, 16, 8, 0].map(shift => (number >> shift) & 255).join('.');
      if (!taken.has(ip)) return ip;
    }
    return 'None';
  }

  private freePort(taken: Set<number>): number {
    for (let tries = 0; tries < nodePorts; tries += 1) {
      const port = firstNodePort + this.nextPort;
      this.nextPort = (this.nextPort + 1) % nodePorts;
      if (!taken.has(port)) {
        taken.add(port);
        return port;
      }
    }
    return 0;
  }
}
