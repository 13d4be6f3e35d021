import { OTHERS, type PhaseMark, type TimelinePoint } from '../results.ts';

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

  stop(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    this.points.push({ t: this.now, rssMb: this.#sources.rssMb(), inFlight: this.#sources.inFlight() });
  }
}

/** A program that was started anew meanwhile begins at 0; all others together are a remainder, and rounding may make it less. */
function difference(before: Record<string, number>, after: Record<string, number>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(after).map(([name, seconds]) => {
      const since = seconds - (before[name] ?? 0);
      const used = since >= 0 ? since : name === OTHERS ? 0 : seconds;
      return [name, Math.round(used * 100) / 100];
    }),
  );
}
