import { Document, isMap, isNode, isSeq, Pair, Scalar, YAMLMap } from 'yaml';
import { isFields } from '../base/fields.ts';
import type { Community } from './config.ts';
import { type Element, LIST_SECTIONS } from './element.ts';
import { plainObject } from './tree.ts';

/** The configuration that a migration gives, as text: each element under a comment that tells what it was. */
export interface MigratedElement {
  readonly element: Element;
  /** "IPAddressPool metallb-system/public, pools.yaml line 12". */
  readonly origin: string;
}
export interface MigratedAlias {
  readonly name: string;
  readonly community: Community;
  readonly origin: string;
}

/** The port of our speakers in manifests/components/beside-metallb. */
const BESIDE_METALLB = 7947;
/** MetalLB answers in Go's own time: on a busy machine later than the 60 ms of our usual two probes. */
const PATIENT_PROBE = { count: 3, wait: '200ms' };

export function migrationText(
  elements: readonly MigratedElement[],
  aliases: readonly MigratedAlias[],
  head: readonly string[],
): string {
  const document = new Document({}, { aliasDuplicateObjects: false });
  const root = new YAMLMap<Scalar<string>, unknown>(document.schema);
  document.contents = root as never;
  for (const section of LIST_SECTIONS) {
    const own = elements.filter(({ element }) => element.section === section);
    // An empty list is not the same as none: with neither, every pool is announced by layer 2.
    if (own.length === 0 && section !== 'l2Advertisements') continue;
    const list = document.createNode(own.map(({ element }) => inOrder(element.value)));
    if (!isSeq(list)) throw new Error('a list has become something else');
    for (const [i, { origin }] of own.entries()) comment(list.items[i], origin);
    add(section, list);
  }
  if (aliases.length > 0) {
    const map = document.createNode(
      plainObject(aliases.map(({ name, community }) => [name, communityText(community)])),
    );
    if (isMap(map)) for (const [i, { origin }] of aliases.entries()) comment(map.items[i]?.key, origin);
    add('communities', map);
  }
  if (elements.some(({ element }) => element.section === 'l2Advertisements')) {
    const layer2 = document.createNode({ conflictProbe: PATIENT_PROBE });
    layer2.commentBefore = ` While MetalLB's speakers run, a busy one may answer late. Take it out afterwards: each new address waits for it.`;
    add('layer2', layer2);
  }
  const membership = document.createNode({ port: BESIDE_METALLB });
  membership.commentBefore = ` While MetalLB's speakers run on the same nodes they have the default, 7946. It may stay so.`;
  add('membership', membership);
  document.commentBefore = head.map((line) => ` ${printable(line)}`).join('\n');
  return document.toString({ lineWidth: 0 });

  function add(key: string, value: unknown): void {
    const scalar = new Scalar(key);
    scalar.spaceBefore = root.items.length > 0;
    root.items.push(new Pair(scalar, value));
  }
}

/** A ConfigMap with the text as a block, so that it can be read and edited. */
export function configMapText(namespace: string, text: string): string {
  const block = new Scalar(text);
  block.type = Scalar.BLOCK_LITERAL;
  const document = new Document(configMapOf(namespace, text));
  document.setIn(['data', 'config.yaml'], block);
  return document.toString({ lineWidth: 0 });
}

export const configMapOf = (namespace: string, text: string) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'clarion', namespace },
  data: { 'config.yaml': text },
});

/** As people write it: the name first, then labels, and no fields that say nothing. */
function inOrder(value: unknown): unknown {
  if (!isFields(value)) return value;
  const { name, labels, ...rest } = value;
  const said = Object.entries({ name, labels, ...rest }).filter(([, part]) => part !== undefined && !isEmptyList(part));
  return plainObject(said);
}
const isEmptyList = (value: unknown): boolean => Array.isArray(value) && value.length === 0;

function comment(node: unknown, origin: string): void {
  if (isNode(node)) node.commentBefore = ` ${printable(origin)}`;
}

const printable = (text: string): string => text.replace(/\p{Cc}/gu, ' ');

function communityText(community: Community): string {
  if (community.kind === 'large') return `large:${community.global}:${community.local1}:${community.local2}`;
  return `${Math.floor(community.value / 0x10000)}:${community.value % 0x10000}`;
}
