/** Labels of one counted request. Empty route and backend: no route matched. */
export interface GatewayRequest {
  /** `namespace/name` of the HTTPRoute. */
  readonly route: string;
  /** Name of the Service. */
  readonly backend: string;
  readonly code: number;
}

/** What the gateway counts, in the Prometheus text format. */
export class GatewayMetrics {
  readonly #requests = new Map<string, number>();

  /** Counts one answered request. */
  observe({ route, backend, code }: GatewayRequest): void {
    // Names of Kubernetes objects need no escaping.
    const labels = `route="${route}",backend="${backend}",code="${code}"`;
    this.#requests.set(labels, (this.#requests.get(labels) ?? 0) + 1);
  }

  /** The exposition, version 0.0.4. */
  text(): string {
    return [
      '# HELP gateway_requests_total Requests answered, by route, backend Service and status code.',
      '# TYPE gateway_requests_total counter',
      ...[...this.#requests].map(([labels, count]) => `gateway_requests_total{${labels}} ${count}`),
      '',
    ].join('\n');
  }
}
