import { closeSync, openSync, readSync } from 'node:fs';

const CHUNK = 1 << 20;

/**
 * Reads what was appended to a file since the last time, whole lines only; a line that is still being written waits for its
 * end. Each byte is read once, however large the file grows.
 */
export class LineTail {
  readonly #path: string;
  readonly #buffer = Buffer.allocUnsafe(CHUNK);
  #rest: Buffer<ArrayBufferLike> = Buffer.alloc(0);
  #file: number | undefined;
  #offset = 0;

  /** The file may come to be later. */
  constructor(path: string) {
    this.#path = path;
  }

  /** Hands on the new lines, without their line breaks. */
  read(onLine: (line: string) => void): void {
    this.#file ??= openIfThere(this.#path);
    if (this.#file === undefined) return;
    for (;;) {
      const length = readSync(this.#file, this.#buffer, 0, CHUNK, this.#offset);
      if (length === 0) return;
      this.#offset += length;
      this.#split(this.#buffer.subarray(0, length), onLine);
    }
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  /** Cuts at line breaks before decoding, so that no character is torn between two chunks. */
  #split(chunk: Buffer, onLine: (line: string) => void): void {
    let from = 0;
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, from)) {
      const head = chunk.subarray(from, end);
      const line = this.#rest.length > 0 ? Buffer.concat([this.#rest, head]) : head;
      this.#rest = Buffer.alloc(0);
      from = end + 1;
      if (line.length > 0) onLine(line.toString('utf8'));
    }
    this.#rest = Buffer.concat([this.#rest, chunk.subarray(from)]);
  }
}

function openIfThere(path: string): number | undefined {
  try {
    return openSync(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
