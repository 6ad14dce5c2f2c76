/**
 * A ConfigMap as `kubectl get configmap NAME -o yaml` prints it, as far as its end: the API server keeps no lines, so
 * `line:column` of a problem is the line and column of that output. (`kubectl edit` shows the same below four lines of comment.)
 * The order is kubectl's: top level and keys of `data` by name.
 */
export function configMapText(namespace: string, name: string, data: Readonly<Record<string, unknown>>): string {
  const lines = ['apiVersion: v1', 'data:'];
  for (const key of Object.keys(data).sort()) {
    const value = data[key];
    if (typeof value === 'string') lines.push(...scalarLines(key, value));
  }
  return [...lines, 'kind: ConfigMap', 'metadata:', `  name: ${name}`, `  namespace: ${namespace}`, ''].join('\n');
}

/** What YAML cannot hold in a block scalar, or what is invisible there: all of Unicode's category C but tab and line feed. */
const NOT_LITERAL = /[^\P{C}\t\n]/u;

function scalarLines(key: string, text: string): readonly string[] {
  const quotedKey = /^[A-Za-z][\w.-]*$/.test(key) ? key : JSON.stringify(key);
  const blank = text.trim() === '';
  // One line is shown behind its key.
  if (blank || !text.includes('\n') || NOT_LITERAL.test(text)) return [`  ${quotedKey}: ${JSON.stringify(text)}`];
  const indentation = /^[ \n]/.test(text) ? '2' : '';
  const end = text.endsWith('\n\n') ? '+' : text.endsWith('\n') ? '' : '-';
  const lines = (end === '-' ? text : text.slice(0, -1)).split('\n');
  return [`  ${quotedKey}: |${indentation}${end}`, ...lines.map((line) => (line === '' ? '' : `    ${line}`))];
}
