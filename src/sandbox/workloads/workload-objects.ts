import type { KubeObject } from '../../kube/kube-object.ts';

/** One `conditions` entry of a status. */
export interface StatusCondition {
  type: string;
  status: string;
  reason?: string | undefined;
  message?: string | undefined;
  /** RFC 3339. */
  lastTransitionTime?: string | undefined;
  [field: string]: unknown;
}

/** The part of a container that is read here. */
export interface ContainerSpec {
  readonly name: string;
  readonly image?: string;
  readonly ports?: readonly { readonly name?: string; readonly containerPort: number; readonly protocol?: string }[];
}

/** The part of a Pod that is read here. */
export interface Pod extends KubeObject {
  spec: { readonly nodeName?: string; readonly containers: readonly ContainerSpec[]; [field: string]: unknown };
  status?: {
    readonly phase?: string;
    readonly podIP?: string;
    readonly startTime?: string;
    readonly conditions?: readonly StatusCondition[];
    readonly containerStatuses?: readonly { readonly restartCount?: number; [field: string]: unknown }[];
    [field: string]: unknown;
  };
}

/** `metadata` and `spec` of pods to be made. */
export interface PodTemplate {
  readonly metadata?: { readonly labels?: Record<string, string>; readonly annotations?: Record<string, string> };
  readonly spec?: Record<string, unknown>;
}

/** `matchLabels` and `matchExpressions`. */
export interface LabelSelector {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: string;
    readonly values?: readonly string[];
  }[];
}

/** The part of a ReplicaSet that is read here. */
export interface ReplicaSet extends KubeObject {
  spec: {
    readonly replicas?: number;
    readonly minReadySeconds?: number;
    readonly selector: LabelSelector;
    readonly template?: PodTemplate;
  };
  status?: {
    readonly replicas?: number;
    readonly readyReplicas?: number;
    readonly availableReplicas?: number;
    readonly observedGeneration?: number;
    readonly conditions?: readonly StatusCondition[];
    [field: string]: unknown;
  };
}

/** The part of a Service that is read here. */
export interface Service extends KubeObject {
  spec: {
    readonly type?: string;
    readonly selector?: Readonly<Record<string, string>>;
    readonly publishNotReadyAddresses?: boolean;
    readonly ports?: readonly {
      readonly name?: string;
      readonly port: number;
      readonly targetPort?: number | string;
      readonly protocol?: string;
    }[];
  };
}

/** The part of an EndpointSlice that is read here. */
export interface EndpointSlice extends KubeObject {
  addressType: string;
  endpoints?: readonly {
    readonly addresses: readonly string[];
    readonly conditions?: { readonly ready?: boolean; readonly serving?: boolean; readonly terminating?: boolean };
    readonly targetRef?: { readonly kind?: string; readonly name?: string; readonly namespace?: string };
    [field: string]: unknown;
  }[];
  ports?: readonly { readonly name?: string; readonly port?: number; readonly protocol?: string }[];
}

/** Name and namespace of an object of a namespaced type. */
export function placeOf(object: KubeObject): { readonly namespace: string; readonly name: string } {
  return { namespace: object.metadata.namespace ?? 'default', name: object.metadata.name };
}

/** The uid of the controlling owner of one kind, or undefined. */
export function controllerUid(object: KubeObject, kind: string): string | undefined {
  return object.metadata.ownerReferences?.find(owner => owner.controller === true && owner.kind === kind)?.uid;
}

/** Whether a Pod's Ready condition is True. */
export function isPodReady(pod: Pod): boolean {
  return pod.status?.conditions?.some(condition => condition.type === 'Ready' && condition.status === 'True') ?? false;
}
