/** What a DNS-1123 subdomain is, in the server's words. */
const subdomainText =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const labelText =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const label1035Text =
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";

const label = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;

/** Why a text is no DNS-1123 subdomain (the usual rule for names), or undefined. */
export function subdomainProblem(text: string): string | undefined {
  if (text.length > 253) return 'must be no more than 253 bytes';
  return text.split('.').every(part => label.test(part)) ? undefined : subdomainText;
}

/** Why a text is no DNS-1123 label (namespaces), or undefined. */
export function labelProblem(text: string): string | undefined {
  if (text.length > 63) return 'must be no more than 63 bytes';
  return label.test(text) ? undefined : labelText;
}

/** Why a text is no DNS-1035 label (services), or undefined. */
export function label1035Problem(text: string): string | undefined {
  if (text.length > 63) return 'must be no more than 63 bytes';
  return /^[a-z]([-a-z0-9]*[a-z0-9])?$/.test(text) ? undefined : label1035Text;
}

/** Why a text cannot stand in a path (RBAC names may hold colons), or undefined. */
export function pathSegmentProblem(text: string): string | undefined {
  if (text === '.' || text === '..') return `may not be '${text}'`;
  return /[/%]/.test(text) ? "may not contain '/' or '%'" : undefined;
}

const labelPart = /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/;

/** Why a text is no label or annotation key, or undefined. */
export function qualifiedNameProblem(text: string): string | undefined {
  const slash = text.indexOf('/');
  const prefix = slash < 0 ? undefined : text.slice(0, slash);
  const name = text.slice(slash + 1);
  if (prefix !== undefined && subdomainProblem(prefix) !== undefined) return `prefix part ${subdomainText}`;
  if (name.length <= 63 && labelPart.test(name)) return undefined;
  return "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
}

/** Why a text is no label value, or undefined. */
export function labelValueProblem(text: string): string | undefined {
  if (text === '' || (text.length <= 63 && labelPart.test(text))) return undefined;
  if (text.length > 63) return 'must be no more than 63 bytes';
  return "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
}
