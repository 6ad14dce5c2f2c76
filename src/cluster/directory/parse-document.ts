import {
  isMap,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument as parseYamlDocument,
  visit,
} from 'yaml';
import { compact } from '../../base/compact.ts';
import { messageOf } from '../../base/errors.ts';
import type { Problem } from '../../base/problem.ts';
import type { ClusterObject } from '../ports.ts';
import { identify, isMapping } from './identify.ts';
import { readPlainYaml } from './plain-yaml.ts';

/**
 * One document of a manifest as objects. Three readers, the fastest that can: JSON.parse, our own for plain YAML, the yaml
 * package for everything else and for the words and places of every fault.
 */
export interface DocumentText {
  readonly text: string;
  readonly line: number;
}

export interface ParsedDocument {
  /** 1-based line of the file on which it begins. */
  readonly line: number;
  readonly objects: readonly ClusterObject[];
  readonly problems: readonly Problem[];
  readonly broken: boolean;
}

/** YAML costs a second and 75 MB of memory for each megabyte, so more than this is asked for as JSON. */
const LARGEST_YAML = 16 * 1024 * 1024;
/** A broken JSON text up to here is read again as YAML, which tells the place in better words (and allows comments). */
const LARGEST_JSON_READ_AS_YAML = 256 * 1024;
const PROBLEMS_OF_A_DOCUMENT = 5;
/** Aliases that may be followed in a document: enough for any hand-written file, far too few for a bomb. */
const MOST_ALIASES = 10_000;
const DEEPEST_NESTING = 100;

/** Text that begins on that line of an otherwise empty file, so that positions in it are positions in the real one. */
export const onLine = (text: string, line: number): string => '\n'.repeat(line - 1) + text;

export function countLines(text: string): number {
  let lines = 0;
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) lines++;
  return lines;
}

/** Where a value begins, the text of the document with everything else blanked, and the same of an item of a list. */
interface Place {
  readonly line: number;
  readonly column: number;
  readonly alone: () => string;
  item(index: number): Place;
}

/** Never throws, whatever the text. */
export function parseDocument(file: string, document: DocumentText): ParsedDocument {
  const fault = (code: string, message: string, line = document.line, column = 1): Problem => ({
    severity: 'error',
    file,
    line,
    column,
    code,
    message,
  });
  const broken = (...problems: readonly Problem[]): ParsedDocument => ({
    line: document.line,
    objects: [],
    problems,
    broken: true,
  });

  const nul = document.text.indexOf('\0');
  if (nul >= 0)
    return broken(
      fault('binary-file', 'this is not text (it has a zero byte in it). Objects that came from here before are kept.'),
    );
  const trimmed = document.text.trimStart();
  if (trimmed.startsWith('{') || trimmed.startsWith('[')) {
    const json = parseJson(document.text);
    if (json.ok) return gather(file, document, json.value, placeInJson(document, json.value));
    if (document.text.length > LARGEST_JSON_READ_AS_YAML)
      return broken(fault('json-syntax', `${json.message}. ${KEPT}`, document.line + json.line, json.column));
  }
  if (document.text.length > LARGEST_YAML)
    return broken(fault('file-too-large', 'a YAML document above 16 MB is not read. Split it, or write it as JSON.'));
  const plain = readPlainYaml(document.text);
  // The places of a list's items are known to the whole parser only.
  if (plain !== undefined && !Array.isArray(plain.value['items'])) {
    const place: Place = {
      line: document.line + plain.line,
      column: plain.column,
      alone: () => document.text,
      item: () => place,
    };
    return gather(file, document, plain.value, place);
  }
  return parseYaml(file, document, fault, broken);
}

const KEPT = 'Nothing of this document is used; objects that came from here before are kept until it is mended.';

type JsonText =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly message: string; readonly line: number; readonly column: number };

function parseJson(text: string): JsonText {
  try {
    return { ok: true, value: JSON.parse(text) };
  } catch (thrown) {
    const message = messageOf(thrown);
    const at = Number(/position (\d+)/.exec(message)?.[1] ?? text.length);
    const before = text.slice(0, at);
    return { ok: false, message, line: countLines(before), column: at - before.lastIndexOf('\n') };
  }
}

/** JSON.parse tells no places: everything is where the document begins, and an item of a list is written anew. */
function placeInJson(document: DocumentText, value: unknown, whole = true): Place {
  return {
    line: document.line,
    column: 1,
    alone: () => (whole ? document.text : JSON.stringify(value, undefined, 2)),
    item: (index) => placeInJson(document, isMapping(value) && (value['items'] as readonly unknown[])[index], false),
  };
}

function parseYaml(
  file: string,
  document: DocumentText,
  fault: (code: string, message: string, line?: number, column?: number) => Problem,
  broken: (...problems: readonly Problem[]) => ParsedDocument,
): ParsedDocument {
  const lines = new LineCounter();
  const position = (offset: number): [line: number, column: number] => {
    const { line, col } = lines.linePos(offset);
    return [document.line + Math.max(line, 1) - 1, Math.max(col, 1)];
  };
  try {
    // uniqueKeys would cost the square of the keys of a mapping; repeatedKey() costs their number.
    const yaml = parseYamlDocument(document.text, {
      lineCounter: lines,
      uniqueKeys: false,
      merge: true,
      prettyErrors: false,
    });
    if (yaml.errors.some((error) => error.message.includes('call stack')))
      return broken(fault('yaml-syntax', `nested far too deeply. ${KEPT}`));
    if (yaml.errors.length > 0) {
      // One slip makes the parser stumble more than once on the same line.
      const slips = new Map<number, Problem>();
      for (const { message, pos } of yaml.errors) {
        if (slips.size === PROBLEMS_OF_A_DOCUMENT) break;
        const [line, column] = position(pos[0]);
        if (!slips.has(line)) slips.set(line, fault('yaml-syntax', `${message}. ${KEPT}`, line, column));
      }
      return broken(...slips.values());
    }
    const repeated = repeatedKey(yaml.contents);
    if (repeated !== undefined)
      return broken(
        fault('yaml-syntax', `the key "${repeated.key}" is there twice. ${KEPT}`, ...position(repeated.offset)),
      );
    const place = placeInYaml(document, yaml.contents, position);
    return gather(file, document, yaml.toJS({ maxAliasCount: MOST_ALIASES }), place);
  } catch (thrown) {
    // The parser throws where aliases lead nowhere or to too much, and where nesting exhausts the stack.
    return broken(fault('yaml-syntax', `${messageOf(thrown)}. ${KEPT}`));
  }
}

function repeatedKey(root: Node | null): { readonly key: string; readonly offset: number } | undefined {
  let found: { key: string; offset: number } | undefined;
  visit(root, {
    Map(_, map) {
      const seen = new Set<unknown>();
      for (const { key } of map.items) {
        if (!isScalar(key) || key.value === '<<') continue;
        if (seen.has(key.value)) {
          found = { key: String(key.value), offset: key.range?.[0] ?? 0 };
          return visit.BREAK;
        }
        seen.add(key.value);
      }
      return undefined;
    },
  });
  return found;
}

function placeInYaml(
  document: DocumentText,
  node: Node | null | undefined,
  position: (offset: number) => [number, number],
  whole = true,
): Place {
  const [from, to] = node?.range ?? [0, document.text.length];
  const [line, column] = position(from);
  return {
    line,
    column,
    alone: () =>
      whole ? document.text : document.text.slice(0, from).replace(/[^\n]/g, ' ') + document.text.slice(from, to),
    item(index) {
      const items = isMap(node)
        ? node.items.find((pair) => isPair(pair) && isScalar(pair.key) && pair.key.value === 'items')
        : undefined;
      const item = items !== undefined && isSeq(items.value) ? items.value.items[index] : undefined;
      return placeInYaml(document, item as Node | undefined, position, false);
    },
  };
}

/** The objects of a document, or of the list that it is. */
function gather(file: string, document: DocumentText, root: unknown, rootPlace: Place): ParsedDocument {
  const objects: ClusterObject[] = [];
  const problems: Problem[] = [];
  const add = (value: unknown, place: Place, itemKind?: string): void => {
    const found = identify(value, itemKind);
    switch (found.is) {
      case 'object': {
        const { kind, namespace, name } = found;
        const text = kind === 'ConfigMap' ? onLine(place.alone(), document.line) : undefined;
        const body = value as ClusterObject['body'];
        objects.push({ kind, namespace, name, body, origin: { file, line: place.line, text } });
        return;
      }
      case 'list':
        found.items.forEach((item, i) => {
          add(item, place.item(i), found.itemKind);
        });
        return;
      case 'wrong': {
        const { severity, code, message } = found;
        problems.push({ severity, file, line: place.line, column: place.column, code, message });
        return;
      }
      case 'foreign':
        return;
    }
  };
  if (tooDeep(root))
    return {
      line: document.line,
      objects,
      problems: [
        {
          severity: 'error',
          file,
          line: rootPlace.line,
          column: 1,
          code: 'yaml-syntax',
          message: `nested more than ${DEEPEST_NESTING} levels deep. ${KEPT}`,
        },
      ],
      broken: true,
    };
  if (root !== null && root !== undefined) add(root, rootPlace);
  return { line: document.line, objects: compact(objects), problems: compact(problems), broken: false };
}

/** Also true of what contains itself (YAML's aliases allow that). Each shared part is looked at once. */
function tooDeep(root: unknown): boolean {
  const done = new Set<object>();
  const path = new Set<object>();
  const deep = (value: unknown, depth: number): boolean => {
    if (typeof value !== 'object' || value === null || done.has(value)) return false;
    if (depth > DEEPEST_NESTING || path.has(value)) return true;
    path.add(value);
    for (const part of Object.values(value)) if (deep(part, depth + 1)) return true;
    path.delete(value);
    done.add(value);
    return false;
  };
  return deep(root, 0);
}
