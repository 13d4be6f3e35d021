import type { Gateway, GatewayClass } from './gateway-objects.ts';
import type { Judgement } from './status-conditions.ts';
import { statusConditions } from './status-conditions.ts';

/** The status of a GatewayClass of ours. */
export function classStatus(gatewayClass: GatewayClass, now: string): Record<string, unknown> {
  const accepted = { type: 'Accepted', good: true, reason: 'Accepted', message: 'served by the sandbox' };
  const { generation = 0 } = gatewayClass.metadata;
  return { conditions: statusConditions([accepted], gatewayClass.status?.conditions ?? [], generation, now) };
}

/** The status of a Gateway of ours: every HTTP listener is served on the one loopback port, whatever port it names. */
export function gatewayStatus(
  gateway: Gateway,
  attachedRoutes: (listener: string) => number,
  now: string,
): Record<string, unknown> {
  const { generation = 0 } = gateway.metadata;
  const own: Judgement[] = [
    { type: 'Accepted', good: true, reason: 'Accepted', message: 'served by the sandbox' },
    { type: 'Programmed', good: true, reason: 'Programmed', message: 'listening on loopback' },
  ];
  return {
    addresses: [{ type: 'IPAddress', value: '127.0.0.1' }],
    conditions: statusConditions(own, gateway.status?.conditions ?? [], generation, now),
    listeners: gateway.spec.listeners.map(({ name, protocol }) => {
      const isHttp = protocol === 'HTTP';
      const before = gateway.status?.listeners?.find(listener => listener.name === name)?.conditions ?? [];
      const judgements: Judgement[] = [
        isHttp
          ? { type: 'Accepted', good: true, reason: 'Accepted', message: '' }
          : { type: 'Accepted', good: false, reason: 'UnsupportedProtocol', message: `${protocol} is not served here` },
        { type: 'Programmed', good: isHttp, reason: isHttp ? 'Programmed' : 'Invalid', message: '' },
        { type: 'ResolvedRefs', good: true, reason: 'ResolvedRefs', message: '' },
      ];
      return {
        name,
        attachedRoutes: attachedRoutes(name),
        supportedKinds: isHttp ? [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute' }] : [],
        conditions: statusConditions(judgements, before, generation, now),
      };
    }),
  };
}
