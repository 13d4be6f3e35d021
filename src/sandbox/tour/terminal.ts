/** Where the tour draws: redrawn in place on a terminal, plain lines elsewhere. */
export interface Terminal {
  /** A line of the story; stays. */
  line(text: string): void;
  /** The live part; replaces the last one. Does nothing on a plain stream. */
  redraw(lines: readonly string[]): void;
  readonly live: boolean;
  readonly columns: number;
  readonly rows: number;
  readonly color: boolean;
  /** Leaves the cursor below what was drawn. */
  end(): void;
}

export function openTerminal(stream: NodeJS.WriteStream, forcePlain: boolean): Terminal {
  const live = stream.isTTY === true && !forcePlain && process.env['TERM'] !== 'dumb';
  let drawn = 0;
  if (live) stream.write('\u001b[?25l\u001b[2J\u001b[H');
  return {
    live,
    get columns() {
      return stream.columns ?? 100;
    },
    get rows() {
      return stream.rows ?? 40;
    },
    color: live && process.env['NO_COLOR'] === undefined,
    line(text) {
      if (!live) stream.write(`${text}\n`);
    },
    redraw(lines) {
      if (!live) return;
      // Home, then each line with its rest erased: no flicker, because nothing is cleared first.
      const text = lines.map(line => `${line}\u001b[K`).join('\n');
      stream.write(`\u001b[H${text}${'\n\u001b[K'.repeat(Math.max(0, drawn - lines.length))}\u001b[J`);
      drawn = lines.length;
    },
    end() {
      if (live) stream.write('\u001b[?25h\n');
    },
  };
}
