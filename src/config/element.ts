import type { Problem } from '../base/problem.ts';
import { type ProblemCode, problemCodes } from './problem-codes.ts';
import { type ConfigText, problemOf } from './source.ts';
import { type Fault, type Place, placeAt } from './tree.ts';

/** An element is the unit that a problem disables: one pool, one peer, one alias, or one section of settings. */
export type ListSection = 'pools' | 'l2Advertisements' | 'bgpAdvertisements' | 'peers' | 'bfdProfiles';
export type SettingsSection = 'layer2' | 'membership' | 'election' | 'bgp';
export type Section = ListSection | SettingsSection | 'communities';
export const LIST_SECTIONS: readonly ListSection[] = [
  'pools',
  'l2Advertisements',
  'bgpAdvertisements',
  'peers',
  'bfdProfiles',
];
export const SETTINGS_SECTIONS: readonly SettingsSection[] = ['layer2', 'membership', 'election', 'bgp'];

export interface Element {
  readonly section: Section;
  /** As written; undefined where it has none that can be read. */
  readonly name: string | undefined;
  /** For advertisements, whose name is optional: what they are called by position. */
  readonly position: number;
  readonly value: unknown;
  readonly place: Place;
  readonly faults: readonly Fault[];
  /** How the dialect of the text calls a field. */
  readonly writtenAs: (field: string) => string;
}

/** Which element was bad, for the effective configuration. Without a name: any of that section may have been meant. */
export interface BadElement {
  readonly section: Section;
  readonly name: string | undefined;
}

export const NOUNS = {
  pools: 'pool',
  l2Advertisements: 'L2 advertisement',
  bgpAdvertisements: 'BGP advertisement',
  peers: 'peer',
  bfdProfiles: 'BFD profile',
  communities: 'community alias',
  layer2: 'section',
  membership: 'section',
  election: 'section',
  bgp: 'section',
} as const satisfies Record<Section, string>;

/** Of each severity. Nobody reads more, and a text of a megabyte can have a hundred thousand. */
const PROBLEM_LIMIT = 1000;
/** Of a message's line; names and values of any length may be in it. */
const OVERLONG = /^(.{300}).{100,}$/gm;

/** What was found wrong with one text, and which elements are bad because of it. */
export class Findings {
  readonly #text: ConfigText;
  readonly #problems: Problem[] = [];
  readonly #counts = { error: 0, warning: 0 };
  readonly #bad = new Set<Element>();
  readonly #badSections = new Set<Section>();

  constructor(text: ConfigText) {
    this.#text = text;
  }

  /** In the order of the text. */
  problems(): readonly Problem[] {
    return this.#problems.toSorted((a, b) => a.line - b.line || a.column - b.column);
  }
  bad(): readonly BadElement[] {
    const sections = [...this.#badSections].map((section) => ({ section, name: undefined }));
    const elements = [...this.#bad].map((element) => ({ section: element.section, name: nameOf(element) }));
    return [...sections, ...elements.filter(({ name }) => name !== undefined)];
  }
  isBad(element: Element): boolean {
    return this.#bad.has(element);
  }
  anyBad(section: Section): boolean {
    return this.#badSections.has(section) || [...this.#bad].some((element) => element.section === section);
  }

  /** Of an element, at the deepest known part of `path`. An error makes the element bad. */
  report(element: Element, code: ProblemCode, path: readonly PropertyKey[], message: string, advice = ''): void {
    this.reportAt(element, code, placeAt(element.place, path).at, message, advice);
  }

  reportAt(element: Element, code: ProblemCode, at: number, message: string, advice = ''): void {
    const follows: string[] = [];
    if (problemCodes[code].severity === 'error') {
      this.#bad.add(element);
      follows.push(this.#consequence(element));
    }
    if (advice !== '') follows.push(advice);
    this.#add(code, at, follows.length === 0 ? message : `${message}\n${follows.join(' ')}`);
  }

  /** Of a whole section: none of its elements can be told. */
  reportSection(section: Section, code: ProblemCode, at: number, message: string): void {
    this.#badSections.add(section);
    this.#add(code, at, `${message}\nNothing of "${section}" is used until this is mended; every other section is.`);
  }

  /** Of the text as a whole, or of a key that belongs to no element. */
  reportText(code: ProblemCode, at: number, message: string): void {
    this.#add(code, at, message);
  }

  lineOf(at: number): number {
    return this.#text.positionOf(at).line;
  }

  called(element: Element): string {
    const noun = NOUNS[element.section];
    if (noun === 'section') return `section "${element.section}"`;
    const name = nameOf(element);
    return name === undefined ? `the ${noun} in line ${this.lineOf(element.place.at)}` : `${noun} "${name}"`;
  }

  #consequence(element: Element): string {
    if (NOUNS[element.section] === 'section')
      return `The defaults of "${element.section}" are used until this is mended; every other section is.`;
    const called = this.called(element);
    return `${called[0]!.toUpperCase()}${called.slice(1)} is not used until this is mended; every other element is.`;
  }

  #add(code: ProblemCode, at: number, message: string): void {
    const { severity } = problemCodes[code];
    const count = this.#counts[severity]++;
    if (count < PROBLEM_LIMIT) this.#problems.push(problemOf(code, this.#text, at, message.replace(OVERLONG, '$1...')));
    if (count !== PROBLEM_LIMIT) return;
    const closing = `there are more than ${PROBLEM_LIMIT} ${severity}s; the rest of them is not listed`;
    this.#problems.push(problemOf('too-many-problems', this.#text, at, closing));
  }
}

/** As written; advertisements without a name are called by their position. */
export function nameOf(element: Element): string | undefined {
  if (element.name !== undefined) return element.name;
  if (element.section === 'l2Advertisements') return `l2-${element.position}`;
  return element.section === 'bgpAdvertisements' ? `bgp-${element.position}` : undefined;
}
