/** A text in at most `length` characters; what was cut off shows as three dots. */
export function clip(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 3)}...`;
}
