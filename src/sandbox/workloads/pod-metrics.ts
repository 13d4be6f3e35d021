/** Upper bounds of `http_request_duration_seconds`, in seconds: the defaults of Prometheus' client libraries. */
const DURATION_BUCKETS_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;

/** What a pod counts of its requests, in the Prometheus text format. */
export class PodMetrics {
  /** `code="200",method="GET"` -> requests. A good client library declares its usual series at zero, so that nothing of it is missed. */
  readonly #requests = new Map<string, number>([['code="200",method="GET"', 0]]);
  readonly #buckets: number[] = DURATION_BUCKETS_SECONDS.map(() => 0);
  #sum = 0;
  #count = 0;

  /** Counts one answered request. */
  observe(code: number, method: string, seconds: number): void {
    const labels = `code="${code}",method="${method}"`;
    this.#requests.set(labels, (this.#requests.get(labels) ?? 0) + 1);
    DURATION_BUCKETS_SECONDS.forEach((bound, index) => {
      if (seconds <= bound) this.#buckets[index] = (this.#buckets[index] ?? 0) + 1;
    });
    this.#sum += seconds;
    this.#count += 1;
  }

  /** The exposition, version 0.0.4. */
  text(): string {
    const histogram = 'http_request_duration_seconds';
    return [
      '# HELP http_requests_total Requests answered, by status code and method.',
      '# TYPE http_requests_total counter',
      ...[...this.#requests].map(([labels, count]) => `http_requests_total{${labels}} ${count}`),
      `# HELP ${histogram} Time to answer.`,
      `# TYPE ${histogram} histogram`,
      ...DURATION_BUCKETS_SECONDS.map((bound, index) => `${histogram}_bucket{le="${bound}"} ${this.#buckets[index]}`),
      `${histogram}_bucket{le="+Inf"} ${this.#count}`,
      `${histogram}_sum ${this.#sum}`,
      `${histogram}_count ${this.#count}`,
      '',
    ].join('\n');
  }
}
