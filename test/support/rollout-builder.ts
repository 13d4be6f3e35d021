/** Specs for tests, in a few words: `aCanary().image('2').steps(...)`. */
export interface SpecOptions {
  readonly replicas?: number;
  readonly image?: string;
  readonly steps?: readonly unknown[];
  readonly router?: boolean;
  readonly analysis?: unknown;
  readonly canary?: Record<string, unknown>;
  readonly spec?: Record<string, unknown>;
}

/** A pod template with one container of the given tag. */
export function templateOf(tag: string) {
  return { metadata: { labels: { app: 'shop' } }, spec: { containers: [{ name: 'app', image: `shop:${tag}` }] } };
}

const base = (options: SpecOptions) => ({
  replicas: options.replicas ?? 4,
  selector: { matchLabels: { app: 'shop' } },
  template: templateOf(options.image ?? '1'),
  ...options.spec,
});

/** spec of a canary Rollout; with a router unless told otherwise. */
export function canarySpec(options: SpecOptions = {}): Record<string, unknown> {
  const routed = options.router ?? true;
  return {
    ...base(options),
    strategy: {
      canary: {
        ...(routed
          ? { stableService: 'stable', canaryService: 'canary', trafficRouting: { gatewayAPI: { httpRoute: 'shop' } } }
          : {}),
        steps: options.steps ?? [{ setWeight: 20 }, { pause: {} }, { setWeight: 60 }, { pause: { duration: '30s' } }],
        ...(options.analysis ? { analysis: options.analysis } : {}),
        ...options.canary,
      },
    },
  };
}

/** spec of a blue-green Rollout. */
export function blueGreenSpec(
  blueGreen: Record<string, unknown> = {},
  options: SpecOptions = {},
): Record<string, unknown> {
  return {
    ...base(options),
    strategy: { blueGreen: { activeService: 'active', previewService: 'preview', ...blueGreen } },
  };
}
