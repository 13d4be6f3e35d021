/** A line of Git's wire protocol: four hex digits of length, then the content. */
export function pktLine(content: string | Uint8Array): Buffer {
  const bytes = Buffer.from(content);
  return Buffer.concat([Buffer.from((bytes.length + 4).toString(16).padStart(4, '0')), bytes]);
}

/** Ends a section. */
export const FLUSH: Buffer = Buffer.from('0000');

/** The lines of a request, without their line ends; a flush is an empty line. @throws RangeError when a length is wrong */
export function readPktLines(body: Buffer): string[] {
  const lines: string[] = [];
  for (let at = 0; at < body.length; ) {
    const digits = body.subarray(at, at + 4).toString();
    const length = /^[0-9a-f]{4}$/i.test(digits) ? Number.parseInt(digits, 16) : -1;
    if (length === 0) {
      lines.push('');
      at += 4;
      continue;
    }
    if (length < 4 || at + length > body.length) throw new RangeError('not in the format of Git packets');
    lines.push(
      body
        .subarray(at + 4, at + length)
        .toString()
        .replace(/\n$/, ''),
    );
    at += length;
  }
  return lines;
}
