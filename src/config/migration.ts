import { isFields } from '../base/fields.ts';
import type { Problem } from '../base/problem.ts';
import { parseNumericCommunity } from './community.ts';
import type { Community } from './config.ts';
import { type Element, Findings, LIST_SECTIONS, type ListSection } from './element.ts';
import { judgeElements } from './judge.ts';
import { findLegacyTexts, legacyElements } from './metallb-config-map.ts';
import { type FoundObject, findObjects } from './metallb-objects.ts';
import { elementsOf, KINDS } from './metallb-resources.ts';
import { reportEcho } from './metallb-rules.ts';
import { fit } from './migration-fit.ts';
import { calledBriefly, type MigrationNote, noteOf } from './migration-note.ts';
import { type MigratedAlias, migrationText } from './migration-text.ts';
import { objectNotes, usageNotes } from './migration-words.ts';
import type { ProblemCode } from './problem-codes.ts';
import { type ConfigSource, type ConfigText, problemOf } from './source.ts';
import { placeAt } from './tree.ts';

/**
 * From MetalLB's configuration to ours: custom resources (v0.13 to v0.16) or the ConfigMap of v0.12. What MetalLB refuses is
 * refused; what it accepts is converted, or named in the report. metallb-objects.ts finds the objects, metallb-resources.ts and
 * legacy.ts make elements of them, migration-fit.ts makes fit what our rules are stricter about, judge.ts judges them like any
 * other configuration, and migration-text.ts writes the new text.
 */
export interface Migration {
  /** With an error among them there is no text. */
  readonly problems: readonly Problem[];
  readonly notes: readonly MigrationNote[];
  readonly text: string | undefined;
}

export interface MigrationOptions {
  /** The namespace that MetalLB runs in; without it, the one that its objects are in. */
  readonly metallbNamespace?: string | undefined;
}

interface Input {
  readonly elements: readonly Element[];
  readonly communities: readonly FoundObject[];
  /** Aliases of a ConfigMap, already judged. */
  readonly aliases: readonly MigratedAlias[];
  readonly dialect: 'metallb-resources' | 'clarion';
  /** Of elements that have no text of their own. */
  readonly text: ConfigText;
}

const CONSEQUENCE = 'Nothing is migrated until this is mended.';
const OUR_USUAL_NAMESPACE = 'metallb-system';

export function migrate(sources: readonly ConfigSource[], { metallbNamespace }: MigrationOptions = {}): Migration {
  const found = sources.map((source) => findObjects(source));
  const broken = found.flatMap(({ problems }) => problems);
  if (broken.length > 0) return refusedBy(broken);
  const objects = found.flatMap(({ objects }) => objects).filter(({ group }) => group !== 'apiextensions.k8s.io');
  const notes = objects.flatMap(objectNotes);
  const resources = objects.filter(isConfiguration);
  const legacy = findLegacyTexts(sources, metallbNamespace);
  if (resources.length === 0) return fromConfigMap(sources, legacy, notes);
  for (const text of legacy.texts)
    notes.push(noteOf('ignored', text, 0, 'MetalLB reads no ConfigMap since v0.13, and there are custom resources'));

  const namespace = namespaceOf(resources, metallbNamespace);
  if (typeof namespace === 'object') return refusedBy([namespace]);
  const own = resources.filter((one) => one.namespace === undefined || one.namespace === namespace);
  for (const { text, at } of resources.filter((one) => !own.includes(one)))
    notes.push(noteOf('ignored', text, at, `MetalLB reads the namespace ${namespace} only`));
  if (own.length === 0) return refusedBy([nothingFound(sources, `in the namespace ${namespace}`)]);

  const wrong = own.flatMap(refusal);
  const kinds = own.flatMap((object) => {
    const kind = KINDS[object.kind];
    return kind === undefined ? [] : [{ object, kind }];
  });
  const input: Input = {
    elements: kinds.flatMap(({ object, kind }) => elementsOf(object, kind)),
    communities: own.filter(({ kind }) => kind === 'Community'),
    aliases: [],
    dialect: 'metallb-resources',
    text: own[0]!.text,
  };
  const selfAdvertised = new Set(
    own.flatMap(({ kind, name }) => (kind === 'AddressPool' && name !== undefined ? [name] : [])),
  );
  return convert(input, selfAdvertised, notes, wrong);
}

const refusedBy = (problems: readonly Problem[]): Migration => ({ problems, notes: [], text: undefined });

const isConfiguration = ({ group, kind }: FoundObject): boolean =>
  group === 'metallb.io' && (Object.hasOwn(KINDS, kind) || kind === 'Community');

function nothingFound(sources: readonly ConfigSource[], where: string): Problem {
  const message = `there is no configuration of MetalLB ${where}\nIt is in custom resources (kubectl get -A -o yaml ipaddresspools,l2advertisements,...) or, up to v0.12, in the ConfigMap "config".`;
  const file = sources[0]?.file ?? '';
  return { severity: 'error', file, line: 1, column: 1, code: 'no-configuration', message };
}

function namespaceOf(resources: readonly FoundObject[], wanted: string | undefined): string | undefined | Problem {
  if (wanted !== undefined) return wanted;
  const all = [...new Set(resources.flatMap(({ namespace }) => namespace ?? []))];
  if (all.length < 2) return all[0];
  if (all.includes(OUR_USUAL_NAMESPACE)) return OUR_USUAL_NAMESPACE;
  const other = resources.find(({ namespace }) => namespace === all[1])!;
  const message = `MetalLB's objects lie in the namespaces ${all.join(', ')}, and it reads one of them\nSay which: --metallb-namespace NAMESPACE.`;
  return problemOf('several-namespaces', other.text, other.at, message);
}

/** Of an object as a whole. */
function refusal({ kind, version, name, text, at }: FoundObject): readonly Problem[] {
  const refuse = (code: ProblemCode, message: string) => [problemOf(code, text, at, `${message}\n${CONSEQUENCE}`)];
  if (name === undefined) return refuse('missing-field', `this ${kind} has no metadata.name`);
  const versions = KINDS[kind]?.versions ?? ['v1beta1'];
  if (versions.includes(version)) return [];
  return refuse('bad-value', `there is no ${kind} of version ${version}; MetalLB has ${versions.join(' and ')}`);
}

/** The ConfigMap of v0.12: by its own rules first, then as elements of ours. */
function fromConfigMap(
  sources: readonly ConfigSource[],
  { texts, problems }: ReturnType<typeof findLegacyTexts>,
  notes: readonly MigrationNote[],
): Migration {
  if (problems.length > 0) return refusedBy(problems);
  const [text, second] = texts;
  if (text === undefined) return refusedBy([nothingFound(sources, 'here')]);
  if (second !== undefined) {
    const message = `there is another configuration of MetalLB in ${text.file}; MetalLB reads one\n${CONSEQUENCE}`;
    return refusedBy([problemOf('two-configurations', second, 0, message)]);
  }
  const read = legacyElements(text, CONSEQUENCE);
  if ('problems' in read) return refusedBy(read.problems);
  const aliases = [...read.communities].flatMap(([name, community]) =>
    community === undefined ? [] : [{ name, community, origin: originOf(text, 0, text.object) }],
  );
  return convert({ ...read, communities: [], aliases, dialect: 'clarion', text }, new Set(), notes, []);
}

/** What MetalLB accepts twice, or in any order, and what has no place beside the first one here. */
const LEFT_OUT: Readonly<Record<Input['dialect'], readonly string[]>> = {
  'metallb-resources': ['duplicate-peer', 'duplicate-advertisement'],
  clarion: ['duplicate-peer', 'duplicate-advertisement', 'localpref-conflict'],
};

function convert(
  input: Input,
  selfAdvertised: ReadonlySet<string>,
  said: readonly MigrationNote[],
  wrong: readonly Problem[],
): Migration {
  const notes = [...said];
  let elements = input.elements;
  // Each turn leaves something out, and what named it fits anew.
  for (;;) {
    elements = fitAll(elements, selfAdvertised, input.text, notes);
    const findings = new Findings(input.text, CONSEQUENCE);
    const aliases = [...input.aliases, ...aliasesOf(input.communities, findings)];
    const communities = new Map<string, Community | undefined>(
      aliases.map(({ name, community }): [string, Community] => [name, community]),
    );
    const lists = Object.fromEntries(
      LIST_SECTIONS.map((section) => [section, elements.filter((element) => element.section === section)]),
    ) as Record<ListSection, Element[]>;
    const config = judgeElements({ elements: lists, communities, dialect: input.dialect, implied: false }, findings);
    reportEcho(config, lists.peers, findings);
    const twice = elements.filter((one) => LEFT_OUT[input.dialect].includes(findings.whyBad(one)?.code ?? ''));
    if (twice.length > 0) {
      for (const one of twice) {
        const [message = ''] = findings.whyBad(one)!.message.split('\n');
        notes.push(noteOf('no-equivalent', one.text ?? input.text, one.place.at, `left out: ${message}`));
      }
      elements = elements.filter((one) => !twice.includes(one));
      continue;
    }
    const problems = [...wrong, ...findings.problems()];
    if (problems.some(({ severity }) => severity === 'error')) return refusedBy(problems);
    for (const element of elements) {
      const text = element.text ?? input.text;
      notes.push(noteOf('converted', text, element.place.at, calledBriefly(element)), ...usageNotes(element, text));
    }
    for (const { text, at } of input.communities) notes.push(noteOf('converted', text, at, 'community aliases'));
    return { problems, notes, text: textOf(elements, aliases, config.pools.length > 0, input.text) };
  }
}

function fitAll(
  elements: readonly Element[],
  selfAdvertised: ReadonlySet<string>,
  text: ConfigText,
  notes: MigrationNote[],
): readonly Element[] {
  const named = (section: ListSection) =>
    new Set(elements.flatMap((one) => (one.section === section && one.name !== undefined ? [one.name] : [])));
  const around = { pools: named('pools'), peers: named('peers'), selfAdvertised };
  return elements.flatMap(
    (element) =>
      fit(element, around, (kind, at, field, message) =>
        notes.push(noteOf(kind, element.text ?? text, at, message, field)),
      ) ?? [],
  );
}

/** MetalLB's rule: every alias is read and unique, whether or not it is used. */
function aliasesOf(objects: readonly FoundObject[], findings: Findings): readonly MigratedAlias[] {
  const aliases = new Map<string, MigratedAlias>();
  for (const object of objects) {
    const { value, place } = object.read();
    const spec = isFields(value) ? value['spec'] : undefined;
    const listed = isFields(spec) ? (spec['communities'] ?? []) : [];
    const refuse = (code: ProblemCode, path: readonly PropertyKey[], message: string) => {
      const base = {
        section: 'communities',
        name: object.name,
        position: 0,
        value,
        place,
        faults: [],
        text: object.text,
      };
      findings.report({ ...base, section: 'communities', writtenAs: (f) => f }, code, ['spec', ...path], message);
    };
    if (!Array.isArray(listed)) refuse('wrong-type', ['communities'], '"communities" is not a list');
    for (const [i, item] of (Array.isArray(listed) ? listed : []).entries()) {
      const { name = '', value: text = '' } = isFields(item) ? item : {};
      const community = typeof text === 'string' ? parseNumericCommunity(text) : undefined;
      const path = ['communities', i];
      if (typeof name !== 'string') refuse('wrong-type', [...path, 'name'], 'the name of an alias is a text');
      else if (community === undefined)
        refuse('bad-community', [...path, 'value'], `"${String(text)}" of the alias "${name}" is not a community`);
      else if (aliases.has(name)) refuse('duplicate-name', [...path, 'name'], `the alias "${name}" is there twice`);
      else {
        const { at } = placeAt(place, ['spec', ...path]);
        aliases.set(name, { name, community, origin: originOf(object.text, at, object.text.object) });
      }
    }
  }
  return [...aliases.values()];
}

function textOf(
  elements: readonly Element[],
  aliases: readonly MigratedAlias[],
  hasPools: boolean,
  text: ConfigText,
): string {
  const selectsByLabel = elements.some(
    ({ value }) =>
      isFields(value) && Array.isArray(value['ipAddressPoolSelectors']) && value['ipAddressPoolSelectors'].length > 0,
  );
  const migrated = elements.map((element) => ({
    element:
      selectsByLabel || !isFields(element.value)
        ? element
        : { ...element, value: { ...element.value, labels: undefined } },
    origin: originOf(element.text ?? text, element.place.at, (element.text ?? text).object),
  }));
  const head = [
    'Made by "clarion migrate" from the configuration of MetalLB.',
    ...(hasPools ? [] : ['It has no pool.']),
  ];
  return migrationText(migrated, aliases, head);
}

const originOf = (text: ConfigText, at: number, object = 'MetalLB'): string =>
  `${object} (${text.file} line ${text.positionOf(at).line})`;
