const BEGIN = '<!-- bench:begin -->';
const END = '<!-- bench:end -->';

/** Puts text between the two markers. @throws Error when they are not there, in this order */
export function replaceBlock(readme: string, text: string): string {
  const from = readme.indexOf(BEGIN);
  const to = readme.indexOf(END);
  if (from === -1 || to < from)
    throw new Error(`README.md has no place for the figures: put ${BEGIN} and ${END} on lines of their own`);
  return `${readme.slice(0, from + BEGIN.length)}\n${text.trim()}\n${readme.slice(to)}`;
}
