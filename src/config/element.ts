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

/** `metallb-resources`: custom resources of MetalLB 0.13 and later, which only the migration reads. */
export type Dialect = 'clarion' | 'metallb-legacy' | 'metallb-resources';

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
  /** Where it stands, when the elements do not all come from one text. */
  readonly text?: ConfigText;
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
  readonly #consequence: string | undefined;
  readonly #problems: Problem[] = [];
  readonly #counts = { error: 0, warning: 0 };
  readonly #bad = new Map<Element, Problem>();
  readonly #badSections = new Set<Section>();

  /** `consequence`: what follows from every error, when it is not that one element is out of use. */
  constructor(text: ConfigText, consequence?: string) {
    this.#text = text;
    this.#consequence = consequence;
  }

  /** In the order of the text. */
  problems(): readonly Problem[] {
    const byFile = (a: Problem, b: Problem) => (a.file === b.file ? 0 : a.file < b.file ? -1 : 1);
    return this.#problems.toSorted((a, b) => byFile(a, b) || a.line - b.line || a.column - b.column);
  }
  bad(): readonly BadElement[] {
    const sections = [...this.#badSections].map((section) => ({ section, name: undefined }));
    const elements = [...this.#bad.keys()].map((element) => ({ section: element.section, name: nameOf(element) }));
    return [...sections, ...elements.filter(({ name }) => name !== undefined)];
  }
  isBad(element: Element): boolean {
    return this.#bad.has(element);
  }
  /** The first error of an element. */
  whyBad(element: Element): Problem | undefined {
    return this.#bad.get(element);
  }
  anyBad(section: Section): boolean {
    return this.#badSections.has(section) || [...this.#bad.keys()].some((element) => element.section === section);
  }

  /** Of an element, at the deepest known part of `path`. An error makes the element bad. */
  report(element: Element, code: ProblemCode, path: readonly PropertyKey[], message: string, advice = ''): void {
    this.reportAt(element, code, placeAt(element.place, path).at, message, advice);
  }

  reportAt(element: Element, code: ProblemCode, at: number, message: string, advice = ''): void {
    const follows: string[] = [];
    const isError = problemCodes[code].severity === 'error';
    if (isError) follows.push(this.#consequence ?? this.#disabled(element));
    if (advice !== '') follows.push(advice);
    const said = follows.length === 0 ? message : `${message}\n${follows.join(' ')}`;
    const problem = this.#add(code, at, said, element.text);
    if (isError && !this.#bad.has(element)) this.#bad.set(element, problem);
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

  /** "line 5", for a sentence; with the file where there are several. */
  lineOf({ place, text }: Element): string {
    const { line } = (text ?? this.#text).positionOf(place.at);
    return text === undefined ? `line ${line}` : `${text.file} line ${line}`;
  }

  called(element: Element): string {
    const noun = NOUNS[element.section];
    if (noun === 'section') return `section "${element.section}"`;
    const name = nameOf(element);
    return name === undefined ? `the ${noun} in ${this.lineOf(element)}` : `${noun} "${name}"`;
  }

  #disabled(element: Element): string {
    if (NOUNS[element.section] === 'section')
      return `The defaults of "${element.section}" are used until this is mended; every other section is.`;
    const called = this.called(element);
    return `${called[0]!.toUpperCase()}${called.slice(1)} is not used until this is mended; every other element is.`;
  }

  #add(code: ProblemCode, at: number, message: string, text = this.#text): Problem {
    const problem = problemOf(code, text, at, message.replace(OVERLONG, '$1...'));
    const { severity } = problem;
    const count = this.#counts[severity]++;
    if (count < PROBLEM_LIMIT) this.#problems.push(problem);
    if (count === PROBLEM_LIMIT) {
      const closing = `there are more than ${PROBLEM_LIMIT} ${severity}s; the rest of them is not listed`;
      this.#problems.push(problemOf('too-many-problems', text, at, closing));
    }
    return problem;
  }
}

/** As written; advertisements without a name are called by their position. */
export function nameOf(element: Element): string | undefined {
  if (element.name !== undefined) return element.name;
  if (element.section === 'l2Advertisements') return `l2-${element.position}`;
  return element.section === 'bgpAdvertisements' ? `bgp-${element.position}` : undefined;
}
