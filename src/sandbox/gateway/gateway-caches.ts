import type { KubeClient } from '../../kube/client.ts';
import type { Clock } from '../../kube/clock.ts';
import { Reflector } from '../../kube/reflector.ts';
import type { ResourceType } from '../../kube/resource-path.ts';
import { resourceLabel } from '../../kube/resource-path.ts';
import type { IndexFunctions } from '../../kube/store-index.ts';
import { SLICES_BY_SERVICE, serviceKeyOfSlice } from '../workloads/endpoint-slice-controller.ts';
import type { EndpointSlice, Service } from '../workloads/workload-objects.ts';
import { ENDPOINT_SLICES, SERVICES } from '../workloads/workload-types.ts';
import type { Gateway, GatewayClass, HttpRoute } from './gateway-objects.ts';
import { CONTROLLER_NAME, GATEWAY_CLASSES, GATEWAYS, HTTP_ROUTES } from './gateway-types.ts';
import type { RouteWorld } from './route-judgement.ts';

/** What the gateway knows of the cluster, always from caches. */
export class GatewayCaches implements RouteWorld {
  readonly reflectors: Readonly<Record<'classes' | 'gateways' | 'routes' | 'services' | 'slices', Reflector>>;

  constructor(client: KubeClient, clock: Clock, random: () => number) {
    const reflector = (type: ResourceType, indexers: IndexFunctions = {}) =>
      new Reflector({ client, type, indexers, clock, random, minWatchSpacingMs: 100 });
    this.reflectors = {
      classes: reflector(GATEWAY_CLASSES),
      gateways: reflector(GATEWAYS),
      routes: reflector(HTTP_ROUTES),
      services: reflector(SERVICES),
      slices: reflector(ENDPOINT_SLICES, { [SLICES_BY_SERVICE]: slice => [serviceKeyOfSlice(slice as EndpointSlice)] }),
    };
  }

  /** Reads everything once and follows it from then on. @throws Error when that takes more than 15 s */
  async start(): Promise<void> {
    const reflectors = Object.values(this.reflectors);
    for (const reflector of reflectors) reflector.start();
    for (const reflector of reflectors) {
      if (await reflector.waitForSync(15_000)) continue;
      const why = reflector.state().failure?.message ?? 'no answer';
      throw new Error(`sandbox gateway: cannot list ${resourceLabel(reflector.type)}: ${why}`);
    }
  }

  /** Ends all watches. */
  async stop(): Promise<void> {
    await Promise.all(Object.values(this.reflectors).map(reflector => reflector.stop()));
  }

  /** Calls back on every change of anything. */
  onChange(callback: () => void): void {
    for (const { store } of Object.values(this.reflectors)) store.addHandler(callback);
  }

  /** The GatewayClasses that are ours. */
  classes(): GatewayClass[] {
    const all = [...this.reflectors.classes.store.values()] as GatewayClass[];
    return all.filter(one => one.spec.controllerName === CONTROLLER_NAME);
  }

  /** The Gateways whose class is ours. */
  gateways(): Gateway[] {
    const names = this.classes().map(one => one.metadata.name);
    const all = [...this.reflectors.gateways.store.values()] as Gateway[];
    return all.filter(gateway => names.includes(gateway.spec.gatewayClassName));
  }

  /** All HTTPRoutes. */
  routes(): HttpRoute[] {
    return [...this.reflectors.routes.store.values()] as HttpRoute[];
  }

  /** One Gateway, when its class is ours. */
  gateway(namespace: string, name: string): Gateway | undefined {
    return this.gateways().find(one => one.metadata.namespace === namespace && one.metadata.name === name);
  }

  /** The ports of a Service; undefined: no such Service. */
  servicePorts(namespace: string, name: string): readonly number[] | undefined {
    return this.#service(namespace, name)?.spec.ports?.map(({ port }) => port);
  }

  /** Pod IPs that are ready behind a port of a Service. */
  readyAddresses(namespace: string, name: string, port: number): readonly string[] {
    const wanted = this.#service(namespace, name)?.spec.ports?.find(one => one.port === port);
    if (!wanted) return [];
    const slices = this.reflectors.slices.store.byIndex(SLICES_BY_SERVICE, `${namespace}/${name}`) as EndpointSlice[];
    return slices
      .filter(slice => slice.ports?.some(one => (one.name ?? '') === (wanted.name ?? '')))
      .flatMap(slice => slice.endpoints ?? [])
      .filter(endpoint => endpoint.conditions?.ready !== false)
      .flatMap(endpoint => endpoint.addresses.slice(0, 1));
  }

  #service(namespace: string, name: string): Service | undefined {
    return this.reflectors.services.store.get({ namespace, name }) as Service | undefined;
  }
}
