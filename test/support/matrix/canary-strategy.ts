/** Services of a canary: the stable one, the one of the canary. */
export const CANARY_SERVICES = ['shop-stable', 'shop-canary'] as const;

/** A canary over the route `shop` whose old sets leave after a second. */
export function canary(steps: readonly unknown[], more: object = {}) {
  return {
    canary: {
      stableService: CANARY_SERVICES[0],
      canaryService: CANARY_SERVICES[1],
      trafficRouting: { gatewayAPI: { httpRoute: 'shop' } },
      scaleDownDelaySeconds: 1,
      abortScaleDownDelaySeconds: 1,
      steps,
      ...more,
    },
  };
}

/** A step that ends by itself. */
export function pauseOf(ms: number) {
  return { pause: { duration: `${ms}ms` } };
}

/** A step that passes, or fails, by its template. */
export function gate(templateName: 'good' | 'bad') {
  return { analysis: { templates: [{ templateName }] } };
}
