import type { ResourceType } from '../../kube/resource-path.ts';

const group = { group: 'gateway.networking.k8s.io', version: 'v1' };

/** gateway.networking.k8s.io/v1 GatewayClass. */
export const GATEWAY_CLASSES: ResourceType = {
  ...group,
  plural: 'gatewayclasses',
  kind: 'GatewayClass',
  namespaced: false,
};

/** gateway.networking.k8s.io/v1 Gateway. */
export const GATEWAYS: ResourceType = { ...group, plural: 'gateways', kind: 'Gateway', namespaced: true };

/** gateway.networking.k8s.io/v1 HTTPRoute. */
export const HTTP_ROUTES: ResourceType = { ...group, plural: 'httproutes', kind: 'HTTPRoute', namespaced: true };

/** `spec.controllerName` of the GatewayClasses that this gateway serves. */
export const CONTROLLER_NAME = 'sluice.dev/sandbox-gateway';
