import { HASH_LABEL } from '../../api/names.ts';
import { isRecord, type KubeObject } from '../../kube/kube-object.ts';

/**
 * What Git declares, with the few values in it that are the operator's to set taken from the live object: weights of
 * backendRefs in a route and the revision key in a Service's selector. Without this the synchronizer would call a running
 * canary drift. Flux and Argo CD users say the same with an ignore rule. Who wrote the live value cannot be asked of
 * managedFields: lists of routes and selectors are atomic, so the last apply owns them whole.
 */
export function adoptOurs(declared: KubeObject, live: KubeObject | undefined): KubeObject {
  if (!live) return declared;
  if (declared.kind === 'HTTPRoute') return adoptWeights(declared, live);
  if (declared.kind === 'Service') return adoptSelector(declared, live);
  return declared;
}

function adoptWeights(declared: KubeObject, live: KubeObject): KubeObject {
  const spec = isRecord(declared.spec) ? declared.spec : {};
  const liveRules = isRecord(live.spec) && Array.isArray(live.spec.rules) ? live.spec.rules : [];
  if (!Array.isArray(spec.rules)) return declared;
  const rules = spec.rules.map((rule: unknown, index) => {
    const liveRule: unknown = liveRules[index];
    const liveRefs =
      isRecord(liveRule) && Array.isArray(liveRule.backendRefs) ? liveRule.backendRefs.filter(isRecord) : [];
    if (!isRecord(rule) || !Array.isArray(rule.backendRefs)) return rule;
    const backendRefs = rule.backendRefs.map((ref: unknown) => {
      const same = isRecord(ref) ? liveRefs.find(candidate => candidate.name === ref.name) : undefined;
      return isRecord(ref) && same?.weight !== undefined ? { ...ref, weight: same.weight } : ref;
    });
    return { ...rule, backendRefs };
  });
  return { ...declared, spec: { ...spec, rules } };
}

function adoptSelector(declared: KubeObject, live: KubeObject): KubeObject {
  const spec = isRecord(declared.spec) ? declared.spec : {};
  const selector = isRecord(spec.selector) ? spec.selector : {};
  const ours = isRecord(live.spec) && isRecord(live.spec.selector) ? live.spec.selector[HASH_LABEL] : undefined;
  return ours === undefined
    ? declared
    : { ...declared, spec: { ...spec, selector: { ...selector, [HASH_LABEL]: ours } } };
}
