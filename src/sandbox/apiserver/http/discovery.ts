import type { JsonObject, JsonValue } from '../json.ts';
import type { TypeRegistry } from '../types/registry.ts';
import type { ResourceType } from '../types/resource-type.ts';
import { apiVersionOf } from '../types/resource-type.ts';

/** The version that this server claims: the Kubernetes whose published schemas it carries. */
export const serverVersion: JsonObject = {
  major: '1',
  minor: '36',
  emulationMajor: '1',
  emulationMinor: '36',
  gitVersion: 'v1.36.0+embedded',
  gitCommit: '',
  gitTreeState: 'clean',
  buildDate: '1970-01-01T00:00:00Z',
  goVersion: 'node',
  compiler: 'v8',
  platform: 'linux/amd64',
};

interface SubresourceKind {
  name: string;
  group: string;
  version: string;
  kind: string;
  verbs: string[];
}

function subresourcesOf(type: ResourceType): SubresourceKind[] {
  const verbs = ['get', 'patch', 'update'];
  const out: SubresourceKind[] = [];
  if (type.hasStatus) out.push({ name: 'status', group: type.group, version: type.version, kind: type.kind, verbs });
  if (type.scale !== undefined) out.push({ name: 'scale', group: 'autoscaling', version: 'v1', kind: 'Scale', verbs });
  return out;
}

/** Types that are answered but not stored. */
const reviews = ['selfsubjectaccessreviews', 'selfsubjectrulesreviews', 'subjectaccessreviews'];

/** The kind of an access review resource. */
export function reviewKind(plural: string): string | undefined {
  const kinds: Record<string, string> = {
    selfsubjectaccessreviews: 'SelfSubjectAccessReview',
    selfsubjectrulesreviews: 'SelfSubjectRulesReview',
    subjectaccessreviews: 'SubjectAccessReview',
  };
  return Object.hasOwn(kinds, plural) ? kinds[plural] : undefined;
}

const authorization = { group: 'authorization.k8s.io', version: 'v1' };

/** `/api`. */
export function coreVersions(address: string): JsonObject {
  return {
    kind: 'APIVersions',
    versions: ['v1'],
    serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress: address }],
  };
}

function groupEntry(name: string, versions: readonly string[]): JsonObject {
  const listed = versions.map(version => ({ groupVersion: `${name}/${version}`, version }));
  return { name, versions: listed, preferredVersion: listed[0] ?? {} };
}

function groupsOf(registry: TypeRegistry): Map<string, string[]> {
  return registry.groups().set(authorization.group, [authorization.version]);
}

/** `/apis`. */
export function groupList(registry: TypeRegistry): JsonObject {
  const groups = [...groupsOf(registry)].map(([name, versions]) => groupEntry(name, versions));
  return { kind: 'APIGroupList', apiVersion: 'v1', groups };
}

/** `/apis/<group>`, or undefined for an unknown group. */
export function groupInfo(registry: TypeRegistry, group: string): JsonObject | undefined {
  const versions = groupsOf(registry).get(group);
  return versions === undefined ? undefined : { kind: 'APIGroup', apiVersion: 'v1', ...groupEntry(group, versions) };
}

/** `/api/v1` and `/apis/<group>/<version>`, or undefined when nothing is served there. */
export function resourceList(registry: TypeRegistry, apiVersion: string): JsonObject | undefined {
  const resources: JsonValue[] = [];
  for (const type of registry.all().filter(item => apiVersionOf(item) === apiVersion)) {
    const entry: JsonObject = {
      name: type.plural,
      singularName: type.singular,
      namespaced: type.namespaced,
      kind: type.kind,
      verbs: [...type.verbs],
    };
    if (type.shortNames.length > 0) entry.shortNames = [...type.shortNames];
    if (type.categories.length > 0) entry.categories = [...type.categories];
    resources.push(entry);
    for (const sub of subresourcesOf(type)) {
      const other = sub.kind === 'Scale' ? { group: sub.group, version: sub.version } : {};
      resources.push({
        name: `${type.plural}/${sub.name}`,
        singularName: '',
        namespaced: type.namespaced,
        ...other,
        kind: sub.kind,
        verbs: sub.verbs,
      });
    }
  }
  if (apiVersion === apiVersionOf(authorization)) {
    for (const name of reviews) {
      resources.push({ name, singularName: '', namespaced: false, kind: reviewKind(name) ?? '', verbs: ['create'] });
    }
  }
  if (resources.length === 0) return undefined;
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: apiVersion, resources };
}

/** Aggregated discovery: everything under `/api` or `/apis` in one answer. */
export function aggregated(registry: TypeRegistry, core: boolean): JsonObject {
  const groups = core ? new Map([['', ['v1']]]) : groupsOf(registry);
  const items = [...groups].map(([name, versions]) => ({
    metadata: { name, creationTimestamp: null },
    versions: versions.map(version => ({
      version,
      resources: aggregatedResources(registry, { group: name, version }),
      freshness: 'Current',
    })),
  }));
  return { kind: 'APIGroupDiscoveryList', apiVersion: 'apidiscovery.k8s.io/v2', metadata: {}, items };
}

function aggregatedResources(registry: TypeRegistry, at: { group: string; version: string }): JsonValue[] {
  if (at.group === authorization.group) {
    return reviews.map(name => ({
      resource: name,
      responseKind: { ...at, kind: reviewKind(name) ?? '' },
      scope: 'Cluster',
      singularResource: '',
      verbs: ['create'],
    }));
  }
  const types = registry.all().filter(type => type.group === at.group && type.version === at.version);
  return types.map(type => {
    const entry: JsonObject = {
      resource: type.plural,
      responseKind: { group: type.group, version: type.version, kind: type.kind },
      scope: type.namespaced ? 'Namespaced' : 'Cluster',
      singularResource: type.singular,
      verbs: [...type.verbs],
    };
    if (type.shortNames.length > 0) entry.shortNames = [...type.shortNames];
    if (type.categories.length > 0) entry.categories = [...type.categories];
    const subresources = subresourcesOf(type).map(sub => ({
      subresource: sub.name,
      responseKind: { group: sub.group, version: sub.version, kind: sub.kind },
      verbs: sub.verbs,
    }));
    if (subresources.length > 0) entry.subresources = subresources;
    return entry;
  });
}
