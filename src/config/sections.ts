import { type Document, isMap, isScalar, isSeq } from 'yaml';
import { closest, didYouMean } from './closest.ts';
import { COMMUNITY_FORMS, parseCommunity, parseLegacyCommunity } from './community.ts';
import type { Community } from './config.ts';
import {
  type Element,
  type Findings,
  LIST_SECTIONS,
  type ListSection,
  type Section,
  type SettingsSection,
} from './element.ts';
import { LEGACY_KEYS, LEGACY_PEER_KEYS, legacyBfdProfile, legacyPeer, legacyPool, readLegacyScalar } from './legacy.ts';
import { configSchema } from './schema.ts';
import type { ConfigKey } from './source.ts';
import { type Located, readCoreScalar, shortened, TreeReader } from './tree.ts';

/** The document taken apart: which dialect it is in, and its elements, each on its own, so that each can be bad on its own. */
const SECTIONS: readonly string[] = Object.keys(configSchema.shape);
const LEGACY_SECTIONS: readonly string[] = ['peers', ...LEGACY_KEYS];

export class Sections {
  readonly legacy: boolean;
  readonly #findings: Findings;
  readonly #reader: TreeReader;
  /** The nodes of the sections, by the names that the text has for them. */
  readonly #nodes = new Map<string, { readonly node: unknown; readonly at: number }>();
  readonly #meant = new Set<string>();

  constructor(document: Document, key: ConfigKey | undefined, findings: Findings) {
    this.#findings = findings;
    const keys = keysOf(document);
    this.legacy = isLegacy(
      document,
      key,
      keys.map((top) => top.key),
    );
    this.#reader = new TreeReader(document, this.legacy ? readLegacyScalar : readCoreScalar);
    this.#readKeys(keys);
  }

  /** True for a section that was written, or that a misspelt key seems to mean: no default takes its place. */
  isMeant(section: Section): boolean {
    return this.#meant.has(section);
  }

  elements(): Record<ListSection, readonly Element[]> {
    const lists: Record<ListSection, Element[]> = {
      pools: [],
      l2Advertisements: [],
      bgpAdvertisements: [],
      peers: [],
      bfdProfiles: [],
    };
    if (!this.legacy) {
      for (const section of LIST_SECTIONS)
        lists[section] = this.#items(section).map((located, i) => ({
          ...located,
          section,
          name: textIn(located.value, 'name'),
          position: i + 1,
          writtenAs: (field) => field,
        }));
      return lists;
    }
    lists.peers = this.#items('peers').map(legacyPeer);
    lists.bfdProfiles = this.#items('bfd-profiles').map(legacyBfdProfile);
    for (const element of this.#items('address-pools').flatMap(legacyPool))
      lists[element.section as ListSection].push(element);
    return lists;
  }

  #items(key: string): readonly Located[] {
    const section = this.#nodes.get(key);
    if (section === undefined) return [];
    const { node, at } = section;
    if (isSeq(node)) return node.items.map((item) => this.#reader.read(item, at));
    const { value, place, faults } = this.#reader.read(node, at);
    const whole = faults.find(({ code }) => code === 'too-complex' || value === undefined);
    if (whole !== undefined) this.#findings.reportSection(sectionNamed(key), whole.code, whole.at, whole.message);
    if (whole !== undefined || value === undefined) return [];
    if (Array.isArray(value))
      return value.map((item: unknown, i) => ({ value: item, place: place.parts.get(i)?.place ?? place, faults }));
    const message = `"${key}" is not a list; begin each entry with "- " under it`;
    this.#findings.reportSection(sectionNamed(key), 'wrong-type', place.at, message);
    return [];
  }

  /** Aliases by name; undefined for one that cannot be read. */
  communities(): ReadonlyMap<string, Community | undefined> {
    const key = this.legacy ? 'bgp-communities' : 'communities';
    const section = this.#nodes.get(key);
    const aliases = new Map<string, Community | undefined>();
    if (section === undefined) return aliases;
    const { value, place, faults } = this.#reader.read(section.node, section.at);
    for (const { code, at, message } of faults) this.#findings.reportSection('communities', code, at, message);
    if (value === undefined) return aliases;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      this.#findings.reportSection(
        'communities',
        'wrong-type',
        place.at,
        `"${key}" is not a mapping; write alias: "64512:1" under it`,
      );
      return aliases;
    }
    for (const [name, text] of Object.entries(value)) {
      const part = place.parts.get(name)?.place ?? place;
      const parse = this.legacy ? parseLegacyCommunity : parseCommunity;
      const community = typeof text === 'string' ? parse(text) : undefined;
      aliases.set(name, community);
      if (community !== undefined) continue;
      const element: Element = {
        section: 'communities',
        name,
        position: 0,
        value: text,
        place: part,
        faults: [],
        writtenAs: (f) => f,
      };
      const shown = typeof text === 'string' || typeof text === 'number' ? `"${shortened(String(text))}"` : 'the value';
      this.#findings.report(
        element,
        'bad-community',
        [],
        `${shown} of the alias "${shortened(name)}" is not a community${COMMUNITY_FORMS}`,
      );
    }
    return aliases;
  }

  /** What is written in a section of settings; undefined where nothing is. */
  settings(section: SettingsSection): Element | undefined {
    const written = this.legacy ? undefined : this.#nodes.get(section);
    if (written === undefined) return undefined;
    const located = this.#reader.read(written.node, written.at);
    if (located.value === undefined && located.faults.length === 0) return undefined;
    return { ...located, section, name: section, position: 0, writtenAs: (field) => field };
  }

  #readKeys(keys: readonly TopKey[]): void {
    const known = this.legacy ? LEGACY_SECTIONS : SECTIONS;
    for (const { key, at, node } of keys) {
      if (this.#nodes.has(key)) {
        const message = `"${key}" is written twice; the first one counts`;
        this.#findings.reportSection(sectionNamed(key), 'duplicate-key', at, message);
      } else if (known.includes(key)) {
        this.#nodes.set(key, { node, at });
        if (!(isScalar(node) && node.value === null) && node !== null) this.#meant.add(key);
      } else this.#reportUnknownSection(key, at, keys, known);
    }
  }

  #reportUnknownSection(key: string, at: number, keys: readonly TopKey[], known: readonly string[]): void {
    if (!this.legacy && LEGACY_KEYS.some((legacy) => legacy === key)) {
      const message = `"${key}" is a section of MetalLB's legacy dialect and stands beside sections of Clarion's\nIt is not used. Write everything in one dialect`;
      this.#findings.reportText('mixed-dialects', at, message);
      return;
    }
    const meant = closest(key, known);
    const message = `"${shortened(key)}" is not a section of the configuration.${didYouMean(key, known)}`;
    if (meant === undefined || keys.some((other) => other.key === meant)) {
      this.#findings.reportText('unknown-key', at, `${message}\nIt is not used; every other section is.`);
    } else {
      this.#meant.add(meant);
      this.#findings.reportSection(sectionNamed(meant), 'unknown-key', at, message);
    }
  }
}

interface TopKey {
  readonly key: string;
  readonly at: number;
  readonly node: unknown;
}

function keysOf(document: Document): readonly TopKey[] {
  if (!isMap(document.contents)) return [];
  return document.contents.items.map((pair) => {
    const at = isScalar(pair.key) ? (pair.key.range?.[0] ?? 0) : (document.contents?.range?.[0] ?? 0);
    return { key: isScalar(pair.key) ? String(pair.key.value) : '(not a text)', at, node: pair.value };
  });
}

/** By its keys; where only `peers` is there, by the keys of the peers. */
function isLegacy(document: Document, key: ConfigKey | undefined, keys: readonly string[]): boolean {
  const ours = keys.some((top) => top !== 'peers' && SECTIONS.includes(top));
  if (ours) return false;
  if (keys.some((key) => LEGACY_KEYS.some((legacy) => legacy === key))) return true;
  const peers = document.get('peers');
  const peerKeys = isSeq(peers)
    ? peers.items.flatMap((peer) =>
        isMap(peer) ? peer.items.map(({ key }) => (isScalar(key) ? String(key.value) : '')) : [],
      )
    : [];
  if (peerKeys.length > 0) return peerKeys.some((key) => LEGACY_PEER_KEYS.includes(key));
  return key === 'config';
}

function sectionNamed(key: string): Section {
  if (key === 'address-pools') return 'pools';
  if (key === 'bfd-profiles') return 'bfdProfiles';
  return key === 'bgp-communities' ? 'communities' : (key as Section);
}

function textIn(value: unknown, field: string): string | undefined {
  const text = typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[field] : undefined;
  return typeof text === 'string' && text !== '' ? text : undefined;
}
