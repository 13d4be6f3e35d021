/** Cuts a byte stream into lines; a character that the network cut in two stays whole. */
export class LineCutter {
  #pending: Buffer[] = [];

  /** The lines that `chunk` completes, without their ends. */
  push(chunk: Buffer): string[] {
    const lines: string[] = [];
    let start = 0;
    for (let end = chunk.indexOf(0x0a); end >= 0; end = chunk.indexOf(0x0a, start)) {
      lines.push(Buffer.concat([...this.#pending, chunk.subarray(start, end)]).toString('utf8'));
      this.#pending = [];
      start = end + 1;
    }
    if (start < chunk.length) this.#pending.push(chunk.subarray(start));
    return lines.filter(line => line !== '');
  }
}
