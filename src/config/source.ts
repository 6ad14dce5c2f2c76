import { isMap, isScalar, isSeq, LineCounter, type Pair, parseDocument, Scalar, type YAMLMap } from 'yaml';
import type { Problem } from '../base/problem.ts';
import { closest } from './closest.ts';
import { type ProblemCode, problemCodes } from './problem-codes.ts';

/**
 * Finds the text of the configuration in a file: the file may be the bare text, a ConfigMap (or a list with one) that has the
 * text in a scalar, or one of several documents. What is found can say for every character of the text where in the *file* it is.
 */
export interface ConfigSource {
  readonly file: string;
  readonly text: string;
  /** Only the document that contains this line (1-based) is meant; without it, the first that has a configuration. */
  readonly line?: number;
}

export interface ConfigText {
  readonly file: string;
  readonly text: string;
  /** "ConfigMap namespace/name", when it lies in one. */
  readonly object: string | undefined;
  /** The key of the ConfigMap; undefined for a bare text. */
  readonly key: ConfigKey | undefined;
  readonly positionOf: (offset: number) => Position;
}
interface Position {
  readonly line: number;
  readonly column: number;
  /** Where in the inner text it is, for scalars that do not show their lines in the file. */
  readonly note?: string;
}
export type ConfigKey = 'config.yaml' | 'config';
const CONFIG_KEYS: readonly ConfigKey[] = ['config.yaml', 'config'];

/** A ConfigMap holds 1 MiB; what is larger is refused before it is parsed. */
const TEXT_LIMIT = 1.5 * 1024 * 1024;
/** The object around it adds indentation, and other objects when it is a list. */
export const OBJECT_LIMIT = 4 * TEXT_LIMIT;
const LOOKS_LIKE_OBJECT = [/(^|[{,])\s*"?kind"?\s*:/m, /(^|[{,])\s*"?apiVersion"?\s*:/m];

export type Found =
  | { readonly kind: 'text'; readonly text: ConfigText }
  | { readonly kind: 'problem'; readonly problem: Problem };

/** Each configuration of the file, or the reason why one cannot be had. Empty: the file has none, and nothing that looks like one. */
export function findConfigTexts(source: ConfigSource): readonly Found[] {
  const documents = splitDocuments(source.text);
  const wanted = source.line;
  const chosen =
    wanted === undefined ? documents : documents.filter((d) => d.line <= wanted && wanted < d.line + d.lineCount);
  return chosen.flatMap((document) => textsOfDocument(source.file, document));
}

export interface FileDocument {
  readonly text: string;
  /** Of its first line in the file, 1-based. */
  readonly line: number;
  readonly lineCount: number;
}

/** A line that starts with `---` ends a document wherever it stands (YAML 1.2 §9.1.2), also inside a block scalar. */
export function splitDocuments(text: string): readonly FileDocument[] {
  const documents: FileDocument[] = [];
  const marks = [...text.matchAll(/^---(?=\s|$)/gm)].map((match) => match.index);
  const starts = [0, ...marks.filter((at) => at > 0)];
  let line = 1;
  starts.forEach((start, i) => {
    const part = text.slice(start, starts[i + 1] ?? text.length);
    const lineCount = lineBreaks(part) + (i + 1 < starts.length ? 0 : 1);
    documents.push({ text: part, line, lineCount });
    line += lineCount;
  });
  return documents;
}

function lineBreaks(text: string): number {
  let count = 0;
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) count++;
  return count;
}

export const hasContent = (text: string): boolean => /^[ \t]*[^\s#-]/m.test(text) || /^-{1,2}(?!-)/m.test(text);

function textsOfDocument(file: string, document: FileDocument): readonly Found[] {
  const { text } = document;
  if (!hasContent(text)) return [];
  const lines = new LineCounter();
  const positionOf = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { line: line + document.line - 1, column: Math.max(1, col) };
  };
  const bare = { kind: 'text', text: { file, text, object: undefined, key: undefined, positionOf } } as const;
  // Only what might be a ConfigMap is parsed here; a bare text is parsed once, by its judge, and other objects never.
  if (!LOOKS_LIKE_OBJECT.every((key) => key.test(text))) {
    countLines(text, lines);
    return [bare];
  }
  if (!/\bConfigMap\b/.test(text)) return [];
  const outsize = tooLarge({ ...bare.text, positionOf: () => ({ line: document.line, column: 1 }) }, OBJECT_LIMIT);
  if (outsize !== undefined) return [{ kind: 'problem', problem: outsize }];
  const parsed = parseDocument(text, { lineCounter: lines, uniqueKeys: false, prettyErrors: false });
  const root = parsed.contents;
  if (!isMap(root) || !isObject(root)) return [bare];
  if (parsed.errors.length > 0 && !/^\s*"?kind"?\s*:\s*"?ConfigMap/m.test(text)) return [];
  const objects = textOf(root, 'kind')?.endsWith('List') === true ? itemsOf(root) : [root];
  return objects.flatMap((object): readonly Found[] => {
    if (textOf(object, 'kind') !== 'ConfigMap') return [];
    const outer: ConfigText = { file, text, object: nameOf(object), key: undefined, positionOf };
    const broken = parsed.errors[0];
    if (broken !== undefined) return [refused('not-yaml', outer, broken.pos[0], `${broken.message}.`)];
    return textsOfConfigMap(object, outer);
  });
}

function textsOfConfigMap(object: YAMLMap, outer: ConfigText): readonly Found[] {
  const data = object.get('data', true);
  const pairs = isMap(data) ? data.items : [];
  const ours = pairs.filter((pair) => CONFIG_KEYS.some((key) => key === keyOf(pair)));
  const first = ours[0];
  if (first === undefined) {
    const meant = pairs.find((pair) => closest(keyOf(pair), CONFIG_KEYS) !== undefined);
    if (meant === undefined) return [];
    const message = `the ConfigMap has no key config.yaml. Did you mean "config.yaml" instead of "${keyOf(meant)}"?`;
    return [refused('no-configuration', outer, offsetOf(meant.key), message)];
  }
  const second = ours[1];
  if (second !== undefined) {
    const message = `the ConfigMap has a configuration in "${keyOf(first)}" and another one in "${keyOf(second)}". Remove one of them.`;
    return [refused('two-configurations', outer, offsetOf(second.key), message)];
  }
  const scalar = first.value;
  if (!isScalar(scalar) || (typeof scalar.value !== 'string' && scalar.value !== null)) {
    const message = `"${keyOf(first)}" of a ConfigMap is a text. Put "|" behind the colon.`;
    return [refused('wrong-type', outer, offsetOf(scalar ?? first.key), message)];
  }
  const key = keyOf(first) as ConfigKey;
  const inner = scalar.value ?? '';
  return [{ kind: 'text', text: { ...outer, text: inner, key, positionOf: innerPositions(scalar, inner, outer) } }];
}

function innerPositions(scalar: Scalar, inner: string, outer: ConfigText): (offset: number) => Position {
  const lines = new LineCounter();
  countLines(inner, lines);
  const start = offsetOf(scalar);
  if (scalar.type !== Scalar.BLOCK_LITERAL) {
    const at = outer.positionOf(start);
    return (offset) => {
      const { line, col } = lines.linePos(offset);
      return { ...at, note: `line ${line}, column ${Math.max(1, col)} of the text` };
    };
  }
  const header = outer.positionOf(start).line;
  const indent = indentOf(outer.text.slice(start).split('\n', 2000).slice(1)) - indentOf(inner.split('\n', 2000));
  return (offset) => {
    const { line, col } = lines.linePos(offset);
    return { line: header + line, column: Math.max(1, col) + Math.max(0, indent) };
  };
}

/** Leading blanks of the first line that has anything else. */
function indentOf(lines: readonly string[]): number {
  const line = lines.find((candidate) => candidate.trim() !== '');
  return line === undefined ? 0 : line.length - line.trimStart().length;
}

function countLines(text: string, lines: LineCounter): void {
  lines.addNewLine(0);
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) lines.addNewLine(at + 1);
}

/** The problem that concerns a text as a whole. */
export function problemOf(code: ProblemCode, text: ConfigText, offset: number, message: string): Problem {
  const { line, column, note } = text.positionOf(offset);
  return {
    severity: problemCodes[code].severity,
    file: text.file,
    line,
    column,
    code,
    ...(text.object === undefined ? {} : { object: text.object }),
    message: note === undefined ? message : `${message} (${note})`,
  };
}

/** Refuses what is too large to be parsed in a bounded time. */
export function tooLarge(text: ConfigText, limit = TEXT_LIMIT): Problem | undefined {
  if (text.text.length <= limit) return undefined;
  const size = (text.text.length / 1024 / 1024).toFixed(1);
  const message = `the configuration has ${size} MiB; a ConfigMap holds 1 MiB.\nNothing of it is used. Write ranges instead of single addresses.`;
  return problemOf('too-large', text, 0, message);
}

function refused(code: ProblemCode, text: ConfigText, offset: number, message: string): Found {
  const problem = problemOf(
    code,
    text,
    offset,
    `${message}\nNothing of this configuration is used until this is mended.`,
  );
  return { kind: 'problem', problem };
}

const isObject = (map: YAMLMap): boolean =>
  textOf(map, 'kind') !== undefined && textOf(map, 'apiVersion') !== undefined;
const keyOf = (pair: Pair): string => (isScalar(pair.key) ? String(pair.key.value) : '');
const offsetOf = (node: unknown): number => (isScalar(node) || isMap(node) || isSeq(node) ? (node.range?.[0] ?? 0) : 0);

function textOf(map: YAMLMap, key: string): string | undefined {
  const value = map.get(key);
  return typeof value === 'string' ? value : undefined;
}

function itemsOf(list: YAMLMap): readonly YAMLMap[] {
  const items = list.get('items', true);
  return isSeq(items) ? items.items.filter((item): item is YAMLMap => isMap(item)) : [];
}

function nameOf(object: YAMLMap): string {
  const metadata = object.get('metadata', true);
  const name = isMap(metadata) ? textOf(metadata, 'name') : undefined;
  const namespace = isMap(metadata) ? textOf(metadata, 'namespace') : undefined;
  return `ConfigMap ${namespace ?? 'default'}/${name ?? '(without a name)'}`;
}
