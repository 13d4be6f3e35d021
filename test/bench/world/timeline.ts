import { percentile } from '../measure/statistics.ts';
import type { PhaseMark, TimelinePoint } from '../results.ts';

/** What a timeline looks at each second. */
export interface TimelineSources {
  rssMb(): number | undefined;
  inFlight(): number;
  /** CPU seconds of each program so far. */
  cpu(): Record<string, number>;
}

/** Writes down once a second what is, and when which phase ran. */
export class Timeline {
  readonly points: TimelinePoint[] = [];
  readonly marks: PhaseMark[] = [];
  readonly startedAt = Date.now();
  readonly #sources: TimelineSources;
  readonly #timer: NodeJS.Timeout;

  constructor(sources: TimelineSources) {
    this.#sources = sources;
    this.#timer = setInterval(() => this.#look(), 1000);
  }

  /** Seconds from the start. */
  get now(): number {
    return Math.round((Date.now() - this.startedAt) / 100) / 10;
  }

  /** Runs something and marks from when to when it ran, and who used how much CPU meanwhile. */
  async during<T>(name: string, work: () => Promise<T>): Promise<T> {
    const fromS = this.now;
    const before = this.#sources.cpu();
    try {
      return await work();
    } finally {
      this.marks.push({ name, fromS, toS: this.now, cpu: difference(before, this.#sources.cpu()) });
    }
  }

  /** The highest memory from a moment (seconds) on. */
  peakMb(fromS: number): number {
    const since = this.points.filter(({ t }) => t >= fromS);
    return since.reduce((peak, { rssMb = 0 }) => Math.max(peak, rssMb), this.#sources.rssMb() ?? 0);
  }

  /** The middle of all memory figures of a stretch, MB. @throws Error when there are none: no operator ran */
  medianMb(fromS: number, toS: number): number {
    const figures = this.points.flatMap(({ t, rssMb }) =>
      t >= fromS && t <= toS && rssMb !== undefined ? [rssMb] : [],
    );
    if (figures.length === 0) throw new Error('no operator ran whose memory could be read');
    return percentile(
      figures.sort((a, b) => a - b),
      0.5,
    );
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    this.points.push({ t: this.now, rssMb: this.#sources.rssMb(), inFlight: this.#sources.inFlight() });
  }
}

/** All others together are a remainder, and rounding may make it less than it was. */
function difference(before: Record<string, number>, after: Record<string, number>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(after).map(([name, seconds]) => {
      const used = Math.max(0, seconds - (before[name] ?? 0));
      return [name, Math.round(used * 100) / 100];
    }),
  );
}
