const NEWLINE = 0x0a;

/**
 * Cuts a byte stream into lines at LF only (U+2028 and other line ends are content). Bytes, not strings, are kept until a line
 * is complete, so that a character cut in two by the network stays whole.
 */
export class LineSplitter {
  readonly #maxBytes: number;
  #pending: Buffer[] = [];
  #pendingBytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes of the line that has no end yet. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  /** The lines completed by `chunk`, or `tooLong` when the limit is passed; the splitter is of no more use then. */
  push(chunk: Buffer): string[] | 'tooLong' {
    const lines: string[] = [];
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      const part = chunk.subarray(start, end);
      if (this.#pendingBytes + part.length > this.#maxBytes) return 'tooLong';
      const line = this.#pending.length > 0 ? Buffer.concat([...this.#pending, part]) : part;
      this.#pending = [];
      this.#pendingBytes = 0;
      if (line.length > 0) lines.push(line.toString('utf8'));
      start = end + 1;
    }
    const rest = chunk.subarray(start);
    if (rest.length > 0) {
      this.#pending.push(rest);
      this.#pendingBytes += rest.length;
    }
    return this.#pendingBytes > this.#maxBytes ? 'tooLong' : lines;
  }
}
