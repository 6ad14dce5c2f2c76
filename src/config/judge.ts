import { type Document, isMap, isScalar, isSeq, parseDocument } from 'yaml';
import type { Problem } from '../base/problem.ts';
import { advertisementSelects, judgeBgpAdvertisements, judgeL2Advertisements } from './advertisements.ts';
import type { Community, Config, Pool } from './config.ts';
import {
  type BadElement,
  type Dialect,
  type Element,
  Findings,
  LIST_SECTIONS,
  type ListSection,
  NOUNS,
  nameOf,
} from './element.ts';
import { readElement } from './issues.ts';
import { bfdProfileOf, judgePeers } from './peers.ts';
import { judgePools } from './pools.ts';
import { bfdProfileSchema, bgpAdvertisementSchema, l2AdvertisementSchema, peerSchema, poolSchema } from './schema.ts';
import { Sections } from './sections.ts';
import { emptyConfig, judgeSettings } from './settings.ts';
import { type ConfigSource, type ConfigText, type Found, findConfigTexts, problemOf, tooLarge } from './source.ts';
import { shortened } from './tree.ts';

/**
 * From the text of the ConfigMap to its meaning, or to what is wrong with it. source.ts finds the text in the file, yaml reads
 * it, tree.ts makes values with places, schema.ts says what an element may be, and pools.ts, peers.ts and advertisements.ts what
 * elements may be to one another. One bad element disables itself and nothing else; of two that exclude each other the later is the
 * bad one. This file knows no earlier configuration: effective.ts keeps what was good before.
 */
export interface Judgement {
  /** Of the good elements. */
  readonly config: Config;
  readonly dialect: 'clarion' | 'metallb-legacy';
  readonly problems: readonly Problem[];
  /** False: the text says nothing that could be put in force (unreadable, or without any pool, peer or advertisement). */
  readonly present: boolean;
  /** The text is none that could be read: not even what it leaves out is known. */
  readonly unreadable: boolean;
  readonly bad: readonly BadElement[];
}

/** Never throws, whatever the text. A file without a configuration is judged as one problem. */
export function judgeConfig(source: ConfigSource): Judgement {
  const found = findConfigTexts(source)[0];
  return found === undefined ? absent([noConfiguration(source)]) : judgeFound(found);
}

/** Each ConfigMap of a file that has several documents. */
export function judgeFile(source: ConfigSource): readonly Judgement[] {
  const found = findConfigTexts(source);
  return found.length === 0 ? [absent([noConfiguration(source)])] : found.map(judgeFound);
}

const NOTHING_THERE: readonly string[] = ['empty-configuration', 'no-configuration'];

function noConfiguration({ file, line = 1 }: ConfigSource): Problem {
  const message =
    'there is no configuration here.\nWrite a ConfigMap with the key config.yaml, or the bare text of one; config/ in the source has examples.';
  return { severity: 'error', file, line, column: 1, code: 'no-configuration', message };
}

function judgeFound(found: Found): Judgement {
  if (found.kind === 'problem') return absent([found.problem]);
  const opened = openText(found.text);
  return 'document' in opened ? judgeDocument(found.text, opened.document) : absent([opened]);
}

/** The text as a document with sections, or why it is none. */
export function openText(text: ConfigText): { readonly document: Document } | Problem {
  const oversize = tooLarge(text);
  if (oversize !== undefined) return oversize;
  // Repeated keys are found by tree.ts: the package compares every key of a mapping with every other.
  const document = parseDocument(text.text, { uniqueKeys: false, prettyErrors: false });
  const broken = document.errors[0];
  if (broken !== undefined) {
    const [message] = broken.message.split('\n');
    const tooDeep = broken.code === 'RESOURCE_EXHAUSTION';
    const said = tooDeep
      ? 'the text is nested too deeply to be a configuration'
      : `this is not YAML: ${shortened(message!, 200)}`;
    return wholeProblem(tooDeep ? 'too-complex' : 'not-yaml', text, broken.pos[0], said);
  }
  const root = document.contents;
  if (root === null || (isScalar(root) && root.value === null)) return emptyProblem(text);
  if (!isMap(root)) {
    const what = isSeq(root) ? 'a list' : 'a single value';
    const said = `the configuration is ${what}, not a mapping with sections such as "pools:".${isSeq(root) ? ' Write "pools:" above it.' : ''}`;
    return wholeProblem('not-a-mapping', text, root.range?.[0] ?? 0, said);
  }
  return { document };
}

const wholeProblem = (code: Parameters<typeof problemOf>[0], text: ConfigText, at: number, message: string): Problem =>
  problemOf(code, text, at, `${message}\nNothing of this configuration is used until this is mended.`);
const emptyProblem = (text: ConfigText): Problem => problemOf('empty-configuration', text, 0, EMPTY);

const absent = (problems: readonly Problem[]): Judgement => ({
  config: emptyConfig(),
  dialect: 'clarion',
  problems,
  present: false,
  unreadable: problems.some(({ code }) => !NOTHING_THERE.includes(code)),
  bad: [],
});

/** Each section by its own file; references need the sections that they point to first. */
function judgeDocument(text: ConfigText, document: Document): Judgement {
  const findings = new Findings(text);
  const sections = new Sections(document, text.key, findings);
  const elements = sections.elements();
  const communities = sections.communities();
  const implied = !sections.legacy && !sections.isMeant('l2Advertisements') && !sections.isMeant('bgpAdvertisements');
  const dialect = sections.legacy ? 'metallb-legacy' : 'clarion';
  const lists = judgeElements({ elements, communities, dialect, implied }, findings);
  const config: Config = { ...lists, ...judgeSettings(sections, findings) };
  const present = LIST_SECTIONS.some((section) => elements[section].length > 0 || findings.anyBad(section));
  if (!present && findings.problems().length === 0) findings.reportText('empty-configuration', 0, EMPTY);
  if (sections.legacy) findings.reportText('legacy-dialect', 0, LEGACY);
  return { config, dialect, problems: findings.problems(), present, unreadable: false, bad: findings.bad() };
}

export interface ConfigElements {
  readonly elements: Readonly<Record<ListSection, readonly Element[]>>;
  /** Aliases; `undefined` for a bad one. */
  readonly communities: ReadonlyMap<string, Community | undefined>;
  readonly dialect: Dialect;
  /** True: there is no list of advertisements, which means one for every pool. */
  readonly implied: boolean;
}

/** Every element by itself, then what they are to one another. */
export function judgeElements(
  { elements, communities, dialect, implied }: ConfigElements,
  findings: Findings,
): Pick<Config, ListSection> {
  const drafts = <T>(section: ListSection, schema: Parameters<typeof readElement<T>>[0]) =>
    draftsOf(elements[section], schema, findings);

  const bfdProfiles = drafts('bfdProfiles', bfdProfileSchema).map(([, draft]) => bfdProfileOf(draft));
  const pools = judgePools(drafts('pools', poolSchema), findings);
  const profileNames = namesOf(elements.bfdProfiles);
  const peers = judgePeers(drafts('peers', peerSchema), profileNames, dialect, findings);
  const around = {
    pools,
    poolNames: namesOf(elements.pools),
    peerNames: namesOf(elements.peers),
    communities,
    dialect,
  };
  const l2 = judgeL2Advertisements(drafts('l2Advertisements', l2AdvertisementSchema), around, findings);
  const bgp = judgeBgpAdvertisements(drafts('bgpAdvertisements', bgpAdvertisementSchema), around, findings);
  const lists = {
    pools,
    l2Advertisements: implied ? emptyConfig().l2Advertisements : l2,
    bgpAdvertisements: bgp,
    peers,
    bfdProfiles,
  };
  reportNotAdvertised(elements.pools, lists, findings);
  return lists;
}

const EMPTY = 'the configuration has no pool, peer or advertisement: no Service is given an address';
const LEGACY =
  "this is MetalLB's legacy dialect (up to v0.12)\nIt is read by the rules of v0.12; nothing needs to be done.";

function draftsOf<T>(
  elements: readonly Element[],
  schema: Parameters<typeof readElement<T>>[0],
  findings: Findings,
): (readonly [Element, T])[] {
  reportSameNames(elements, findings);
  return elements.flatMap((element) => {
    const draft = readElement(schema, element, findings);
    return draft === undefined ? [] : [[element, draft] as const];
  });
}

function reportSameNames(elements: readonly Element[], findings: Findings): void {
  const first = new Map<string, Element>();
  for (const element of elements) {
    const name = nameOf(element);
    if (name === undefined) continue;
    const earlier = first.get(name);
    if (earlier === undefined) first.set(name, element);
    else {
      const message = `${findings.called(element)} has the name of another ${NOUNS[element.section]} (${findings.lineOf(earlier)})`;
      findings.report(element, 'duplicate-name', ['name'], message, 'Rename one of them.');
    }
  }
}

/** Not while an advertisement is bad: it may be the one that selects the pool. */
function reportNotAdvertised(
  elements: readonly Element[],
  config: Pick<Config, ListSection>,
  findings: Findings,
): void {
  if (findings.anyBad('l2Advertisements') || findings.anyBad('bgpAdvertisements')) return;
  const byName = new Map<string, Pool>(config.pools.map((pool) => [pool.name, pool]));
  const advertisements = [...config.l2Advertisements, ...config.bgpAdvertisements];
  for (const element of elements) {
    const pool = findings.isBad(element) ? undefined : byName.get(element.name ?? '');
    if (pool === undefined || advertisements.some((one) => advertisementSelects(one, pool))) continue;
    const message = `no advertisement selects pool "${pool.name}": its addresses are given to Services but announced nowhere`;
    const advice = 'Add it to "ipAddressPools" of an entry of l2Advertisements or bgpAdvertisements.';
    findings.report(element, 'pool-not-advertised', ['name'], message, advice);
  }
}

const namesOf = (elements: readonly Element[]): ReadonlySet<string> =>
  new Set(elements.flatMap((element) => (element.name === undefined ? [] : [element.name])));
