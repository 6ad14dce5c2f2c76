import { isMap, isSeq, LineCounter, parseDocument, Scalar, type YAMLMap } from 'yaml';
import type { Problem } from '../base/problem.ts';
import {
  type ConfigSource,
  type ConfigText,
  type FileDocument,
  hasContent,
  OBJECT_LIMIT,
  problemOf,
  splitDocuments,
} from './source.ts';
import { type Located, type ReadScalar, shortened, TreeReader } from './tree.ts';

/** Kubernetes objects of a file that may be MetalLB's, each with its place; manifests, lists of `kubectl get`, YAML or JSON. */
export interface FoundObject {
  /** "metallb.io", or empty for core/v1. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  /** What it is called in problems is in `text.object`. */
  readonly text: ConfigText;
  /** Offset of the object in the text. */
  readonly at: number;
  /** All of it; read when it is wanted, since a cluster has thousands that are not. */
  readonly read: () => Located;
}

export interface FoundObjects {
  readonly objects: readonly FoundObject[];
  readonly problems: readonly Problem[];
}

/** Other documents are not even parsed: the manifests of an installation have many. */
const MAY_BE_METALLB = /metallb|frrk8s/i;
const BOOLEANS: ReadonlySet<string> = new Set([
  'autoAssign',
  'avoidBuggyIPs',
  'ebgpMultiHop',
  'enableGracefulRestart',
  'disableMP',
  'dualStackAddressFamily',
  'echoMode',
  'passiveMode',
]);

/** kubectl reads YAML 1.1's words for a boolean. */
const readScalar: ReadScalar = (scalar, key = '') => {
  if (scalar.value === null) return undefined;
  if (scalar.type !== Scalar.PLAIN || !BOOLEANS.has(key)) return scalar.value;
  const text = scalar.source ?? '';
  if (/^(y|Y|yes|Yes|YES|on|On|ON)$/.test(text)) return true;
  return /^(n|N|no|No|NO|off|Off|OFF)$/.test(text) ? false : scalar.value;
};

export function findObjects({ file, text }: ConfigSource): FoundObjects {
  const found = splitDocuments(text).map((document) => objectsOfDocument(file, document));
  return { objects: found.flatMap(({ objects }) => objects), problems: found.flatMap(({ problems }) => problems) };
}

function objectsOfDocument(file: string, document: FileDocument): FoundObjects {
  const { text } = document;
  if (!hasContent(text) || !/kind/.test(text) || !MAY_BE_METALLB.test(text)) return { objects: [], problems: [] };
  const lines = new LineCounter();
  const positionOf = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return { line: line + document.line - 1, column: Math.max(1, col) };
  };
  const whole: ConfigText = { file, text, object: undefined, key: undefined, positionOf };
  if (text.length > OBJECT_LIMIT) {
    const size = (text.length / 1024 / 1024).toFixed(1);
    const said = `this has ${size} MiB, more than any configuration of MetalLB\nLeave out kinds that are none: its ServiceL2Status and ServiceBGPStatus, Services, Events.`;
    const start = { ...whole, positionOf: () => ({ line: document.line, column: 1 }) };
    return { objects: [], problems: [problemOf('too-large', start, 0, said)] };
  }
  const parsed = parseDocument(text, { lineCounter: lines, uniqueKeys: false, prettyErrors: false });
  const broken = parsed.errors[0];
  if (broken !== undefined) {
    const [message] = broken.message.split('\n');
    const said = `this is not YAML: ${shortened(message!, 200)}\nNothing is migrated until this is mended.`;
    return { objects: [], problems: [problemOf('not-yaml', whole, broken.pos[0], said)] };
  }
  const root = parsed.contents;
  if (!isMap(root)) return { objects: [], problems: [] };
  const reader = new TreeReader(parsed, readScalar);
  const kind = textOf(root, 'kind') ?? '';
  const items = root.get('items', true);
  const listed = kind.endsWith('List') && isSeq(items);
  const maps = listed ? items.items.filter((item): item is YAMLMap => isMap(item)) : [root];
  // Items of a typed list, as the API itself gives them, have neither apiVersion nor kind.
  const inherited = { kind: kind.replace(/List$/, ''), apiVersion: textOf(root, 'apiVersion') ?? '' };
  const objects = maps.flatMap((map) => {
    const { group, version, ...names } = identify(map, inherited);
    if (names.kind === '' || version === '') return [];
    const called = `${names.kind} ${names.namespace === undefined ? '' : `${names.namespace}/`}${names.name ?? '(without a name)'}`;
    const at = map.range?.[0] ?? 0;
    return [{ group, version, ...names, text: { ...whole, object: called }, at, read: () => reader.read(map, at) }];
  });
  return { objects, problems: [] };
}

function identify(map: YAMLMap, inherited: { readonly kind: string; readonly apiVersion: string }) {
  const apiVersion = textOf(map, 'apiVersion') ?? inherited.apiVersion;
  const slash = apiVersion.indexOf('/');
  const metadata = map.get('metadata', true);
  const named = (key: string) => (isMap(metadata) ? textOf(metadata, key) : undefined);
  return {
    group: apiVersion.slice(0, Math.max(0, slash)),
    version: apiVersion.slice(slash + 1),
    kind: textOf(map, 'kind') ?? inherited.kind,
    namespace: named('namespace'),
    name: named('name'),
  };
}

function textOf(map: YAMLMap, key: string): string | undefined {
  const value = map.get(key);
  return typeof value === 'string' && value !== '' ? value : undefined;
}
