import { describe, expect, it } from 'vitest';
import { packIn, ServerGaveUp } from '../../src/git/pack-answer.ts';
import { BrokenPack } from '../../src/git/pack-cursor.ts';

const line = (text: string) => `${(text.length + 4).toString(16).padStart(4, '0')}${text}`;
const answer = (...lines: string[]) => Buffer.from(lines.join(''), 'latin1');

describe('the pack in an answer', () => {
  it('is what comes on its band, without what is said beside it', () => {
    const lines = [line('NAK\n'), line('\x01PACK'), line('\x02Counting objects'), line('\x01rest'), '0000'];
    expect(packIn(answer(...lines))?.toString()).toBe('PACKrest');
    expect(packIn(answer(line('NAK\n'), '0000'))).toBeUndefined();
  });

  it.each([
    ['after it', [line('\x01PACK'), line('\x03oops\n\x1b[31m'), '0000']],
    ['before it', [line('\x03oops'), line('\x01PACK'), '0000']],
  ])('is believed no more when the server gives up %s: what nobody looked at would be unpacked', (_, lines) => {
    expect(() => packIn(answer(...lines))).toThrow(ServerGaveUp);
    expect(() => packIn(answer(...lines))).toThrow(/^oops( \[31m)?$/);
  });

  it.each(['0002', 'zzzz', '00ff\x01PACK'])('is refused when a line has no length (%j)', text => {
    expect(() => packIn(answer(text))).toThrow(BrokenPack);
  });
});
