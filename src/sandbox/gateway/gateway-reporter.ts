import type { KubeClient } from '../../kube/client.ts';
import type { Clock } from '../../kube/clock.ts';
import type { KubeObject } from '../../kube/kube-object.ts';
import type { ResourceType } from '../../kube/resource-path.ts';
import { ControllerLoop } from '../workloads/controller-loop.ts';
import { sameStatus } from '../workloads/same-status.ts';
import type { GatewayCaches } from './gateway-caches.ts';
import { classStatus, gatewayStatus } from './gateway-judgement.ts';
import { GATEWAY_CLASSES, GATEWAYS, HTTP_ROUTES } from './gateway-types.ts';
import { judgeRoute, routeParents } from './route-judgement.ts';

/** Writes the status of GatewayClasses, Gateways and HTTPRoutes, promptly after every change. */
export class GatewayReporter {
  readonly #caches: GatewayCaches;
  readonly #client: KubeClient;
  readonly #clock: Clock;
  readonly #loop: ControllerLoop;

  constructor(options: {
    readonly caches: GatewayCaches;
    readonly client: KubeClient;
    readonly clock: Clock;
    readonly random: () => number;
    readonly log: (line: string) => void;
  }) {
    this.#caches = options.caches;
    this.#client = options.client;
    this.#clock = options.clock;
    this.#loop = new ControllerLoop({ ...options, name: 'gateway', reconcile: key => this.#sync(key) });
  }

  /** Begins to write. */
  start(): void {
    this.#loop.queue.start();
    this.refresh();
  }

  /** Looks at every object again, soon; those whose status is right cost nothing. */
  refresh(): void {
    const add = (type: ResourceType, objects: readonly KubeObject[]) => {
      for (const { metadata } of objects) {
        this.#loop.queue.add(`${type.plural}/${metadata.namespace ?? ''}/${metadata.name}`);
      }
    };
    add(HTTP_ROUTES, this.#caches.routes());
    add(GATEWAYS, this.#caches.gateways());
    add(GATEWAY_CLASSES, this.#caches.classes());
  }

  /** Ends after what is in progress. */
  stop(): Promise<void> {
    return this.#loop.stop();
  }

  async #sync(key: string): Promise<undefined> {
    const [plural, namespace = '', name = ''] = key.split('/');
    const now = `${new Date(this.#clock.now()).toISOString().slice(0, 19)}Z`;
    const isIt = ({ metadata }: KubeObject) => metadata.name === name && (metadata.namespace ?? '') === namespace;
    if (plural === HTTP_ROUTES.plural) {
      const route = this.#caches.routes().find(isIt);
      const parents = route ? routeParents(route, this.#caches, now) : [];
      if (route && (parents.length > 0 || route.status !== undefined)) {
        await this.#write(HTTP_ROUTES, route, { parents });
      }
    } else if (plural === GATEWAYS.plural) {
      const gateway = this.#caches.gateways().find(isIt);
      if (!gateway) return;
      const attached = (listener: string) => this.#attachedRoutes(namespace, name, listener);
      await this.#write(GATEWAYS, gateway, gatewayStatus(gateway, attached, now));
    } else {
      const gatewayClass = this.#caches.classes().find(isIt);
      if (gatewayClass) await this.#write(GATEWAY_CLASSES, gatewayClass, classStatus(gatewayClass, now));
    }
  }

  #attachedRoutes(namespace: string, name: string, listener: string): number {
    return this.#caches
      .routes()
      .filter(route =>
        judgeRoute(route, this.#caches).some(
          ({ parentRef, judgements }) =>
            judgements[0]?.good === true &&
            parentRef.name === name &&
            (parentRef.namespace ?? route.metadata.namespace) === namespace &&
            (parentRef.sectionName === undefined || parentRef.sectionName === listener),
        ),
      ).length;
  }

  /** The resourceVersion makes a conflict of a stale answer; the watch brings the newer object by itself. */
  async #write(type: ResourceType, object: KubeObject, status: Record<string, unknown>): Promise<void> {
    if (sameStatus(object.status as Record<string, unknown> | undefined, status)) return;
    const { name, namespace, resourceVersion } = object.metadata;
    const body = { metadata: { resourceVersion }, status };
    await this.#client.patch(type, { name, namespace }, { kind: 'merge', body }, { subresource: 'status' });
  }
}
