import { describe, expect, it } from 'vitest';
import { filesAskedFor } from '../../tools/files-asked-for.ts';

const FILES = ['abort', 'blue-green', 'blue-green-abort', 'faults-people'].map(name => `test/matrix/${name}.test.ts`);

describe('the files of a matrix that are asked for', () => {
  it('are all when nothing is named', () => {
    expect(filesAskedFor(FILES, '')).toEqual(FILES);
  });

  it('are those of the stories whose plans are named, whatever of them', () => {
    expect(filesAskedFor(FILES, 'blue-green:')).toEqual(['test/matrix/blue-green.test.ts']);
    expect(filesAskedFor(FILES, 'abort:applied:7,blue-green-abort')).toEqual([
      'test/matrix/abort.test.ts',
      'test/matrix/blue-green-abort.test.ts',
    ]);
  });

  it('are none when no file tells such a story', () => {
    expect(filesAskedFor(FILES, 'bort:')).toEqual([]);
  });
});
