import { isFields } from '../base/fields.ts';
import type { Element } from './element.ts';
import type { FoundObject } from './metallb-objects.ts';
import { KINDS } from './metallb-resources.ts';
import { type MigrationNote, noteOf } from './migration-note.ts';
import type { ConfigText } from './source.ts';
import { placeAt } from './tree.ts';

/** What the report says about objects that are no configuration here, and about fields that mean something else. */
type Words = readonly [kind: 'no-equivalent' | 'ignored' | 'differs', message: string];
const STATUS: Words = ['ignored', 'MetalLB writes it about itself; "clarion status" tells the same'];
const BY_KIND: Readonly<Record<string, Words>> = {
  ServiceL2Status: STATUS,
  ServiceBGPStatus: STATUS,
  ConfigurationState: STATUS,
  BGPSessionState: STATUS,
  FRRNodeState: STATUS,
  FRRK8sConfiguration: ['no-equivalent', 'settings of frr-k8s: there is no FRR beside Clarion'],
  FRRConfiguration: [
    'no-equivalent',
    'Clarion speaks BGP itself. Write its neighbours as peers; for raw or receiving configuration keep FRR on another port or node',
  ],
  MetalLB: [
    'no-equivalent',
    "settings of MetalLB's operator: node selectors, tolerations and log levels belong in Clarion's manifests",
  ],
};
const BY_CONFIG_MAP: Readonly<Record<string, Words>> = {
  bgpextras: ['no-equivalent', 'raw FRR configuration: what it does must be a field of a peer here, or stay undone'],
  'metallb-excludel2': [
    'differs',
    'interfaces that are not physical are known by name here (docs/layer2.md); name others with "interfaces" of an l2Advertisement',
  ],
  'metallb-memberlist-config': [
    'no-equivalent',
    'Clarion has a membership protocol of its own: see "membership" of the configuration',
  ],
};

export function objectNotes({ group, kind, name, text, at }: FoundObject): readonly MigrationNote[] {
  const known =
    group === '' && kind === 'ConfigMap'
      ? BY_CONFIG_MAP[name ?? '']
      : /(^|\.)metallb\.io$/.test(group)
        ? (BY_KIND[kind] ?? (Object.hasOwn(KINDS, kind) || kind === 'Community' ? undefined : UNKNOWN))
        : undefined;
  return known === undefined ? [] : [noteOf(known[0], text, at, known[1])];
}
const UNKNOWN: Words = ['no-equivalent', 'this kind of object is not known here'];

/** Of an element that was converted. */
export function usageNotes({ section, value, place }: Element, text: ConfigText): readonly MigrationNote[] {
  if (!isFields(value)) return [];
  const note = (field: string, message: string) => noteOf('differs', text, placeAt(place, [field]).at, message, field);
  if (section === 'l2Advertisements' && !isFilled(value['interfaces']))
    return [
      note(
        'interfaces',
        'MetalLB answers on every interface; Clarion on those in whose subnet the address lies, else on all physical ones (docs/layer2.md)',
      ),
    ];
  if (section !== 'peers') return [];
  const notes: MigrationNote[] = [];
  if (value['passwordSecret'] !== undefined)
    notes.push(
      note('passwordSecret', 'the Secret must be in the namespace of Clarion: copy it there (docs/migration.md)'),
    );
  if (value['password'] !== undefined)
    notes.push(note('password', 'it stands in the ConfigMap in clear; a Secret named in "passwordSecret" is better'));
  const { holdTime } = value;
  if (typeof holdTime === 'string' && /^0\D*$/.test(holdTime))
    notes.push(
      note(
        'holdTime',
        '0 means no hold timer, as in MetalLB since v0.14; up to v0.13 it meant 90s: remove it if that is meant',
      ),
    );
  return notes;
}

const isFilled = (value: unknown): boolean => Array.isArray(value) && value.length > 0;
