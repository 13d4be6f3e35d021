import type { KubeObject } from '../../kube/kube-object.ts';
import type { StatusCondition } from '../workloads/workload-objects.ts';

/** The Gateway that a route wants to hang on. */
export interface ParentRef {
  readonly group?: string;
  readonly kind?: string;
  readonly namespace?: string;
  readonly name: string;
  readonly sectionName?: string;
  readonly port?: number;
}

/** A Service and its share of a rule's traffic. */
export interface BackendRef {
  readonly group?: string;
  readonly kind?: string;
  readonly namespace?: string;
  readonly name: string;
  readonly port?: number;
  readonly weight?: number;
}

/** Changes to headers. */
export interface HeaderChanges {
  readonly set?: readonly { readonly name: string; readonly value: string }[];
  readonly add?: readonly { readonly name: string; readonly value: string }[];
  readonly remove?: readonly string[];
}

/** One filter of a rule. */
export interface RouteFilter {
  readonly type: string;
  readonly requestHeaderModifier?: HeaderChanges;
  readonly responseHeaderModifier?: HeaderChanges;
  readonly requestMirror?: {
    readonly backendRef: BackendRef;
    readonly percent?: number;
    readonly fraction?: { readonly numerator: number; readonly denominator?: number };
  };
}

/** One `matches` entry; everything in it must hold. */
export interface RouteMatch {
  readonly path?: { readonly type?: string; readonly value?: string };
  readonly method?: string;
  readonly headers?: readonly { readonly type?: string; readonly name: string; readonly value: string }[];
  readonly queryParams?: readonly { readonly type?: string; readonly name: string; readonly value: string }[];
}

/** One rule of an HTTPRoute. */
export interface RouteRule {
  readonly matches?: readonly RouteMatch[];
  readonly filters?: readonly RouteFilter[];
  readonly backendRefs?: readonly (BackendRef & { readonly filters?: readonly RouteFilter[] })[];
  readonly timeouts?: { readonly request?: string; readonly backendRequest?: string };
}

/** The part of an HTTPRoute that is read here. */
export interface HttpRoute extends KubeObject {
  spec: {
    readonly parentRefs?: readonly ParentRef[];
    readonly hostnames?: readonly string[];
    readonly rules?: readonly RouteRule[];
  };
  status?: { readonly parents?: readonly ParentStatus[] };
}

/** What a controller says about one parent of a route. */
export interface ParentStatus {
  readonly parentRef: ParentRef;
  readonly controllerName: string;
  readonly conditions: readonly StatusCondition[];
}

/** The part of a Gateway that is read here. */
export interface Gateway extends KubeObject {
  spec: {
    readonly gatewayClassName: string;
    readonly listeners: readonly {
      readonly name: string;
      readonly hostname?: string;
      readonly port: number;
      readonly protocol: string;
      readonly allowedRoutes?: { readonly namespaces?: { readonly from?: string } };
    }[];
  };
  status?: {
    readonly conditions?: readonly StatusCondition[];
    readonly listeners?: readonly { readonly name: string; readonly conditions?: readonly StatusCondition[] }[];
    [field: string]: unknown;
  };
}

/** The part of a GatewayClass that is read here. */
export interface GatewayClass extends KubeObject {
  spec: { readonly controllerName: string };
  status?: { readonly conditions?: readonly StatusCondition[]; [field: string]: unknown };
}
