/** A Kubernetes MicroTime: `2026-01-02T03:04:05.678000Z`. */
export function microTime(epochMs: number): string {
  return new Date(epochMs).toISOString().replace(/\.(\d{3})Z$/, '.$1000Z');
}
