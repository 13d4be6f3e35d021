const ESCAPED = /[<>&\u2028\u2029]/g;

/**
 * JSON as the API server's own encoder writes it: Go escapes what HTML would read, and two separators. Opaque fields (`data`
 * of a ControllerRevision) are kept byte by byte and may never change; written otherwise, the first patch of anything in the
 * object would read as a change of them. https://pkg.go.dev/encoding/json#Marshal
 */
export function goJson(value: unknown): string {
  // These characters occur in JSON inside of strings only.
  return JSON.stringify(value).replace(ESCAPED, char => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
