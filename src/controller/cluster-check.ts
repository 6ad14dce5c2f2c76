import { poolFinder, selects } from '../announcement/selection.ts';
import { formatIpAddress } from '../base/ip-address.ts';
import type { LabelSelector } from '../base/label-selector.ts';
import type { Problem } from '../base/problem.ts';
import type { Config } from '../config/config.ts';
import type { ListSection } from '../config/element.ts';
import type { ElementPlace } from '../config/element-place.ts';
import { type ProblemCode, problemCodes } from '../config/problem-codes.ts';
import type { Inventory } from '../inventory/inventory.ts';
import type { SecretRef } from '../inventory/secret.ts';

/**
 * What is wrong with a configuration only in this cluster: a text that is good by itself may name what the cluster does not have, and
 * leave out what Services use. All of it is a warning: each element does what it can, and objects may come later.
 */
export interface ClusterCheckInput {
  readonly config: Config;
  readonly inventory: Inventory;
  /** Namespaces that exist; undefined: none is known (a folder without such objects). */
  readonly namespaces: ReadonlySet<string> | undefined;
  /** Names of interfaces by node, of the nodes that tell them; empty: none does. */
  readonly interfaces: ReadonlyMap<string, readonly string[]>;
  /** What is wrong with a Secret, in a sentence that begins with its name; undefined: nothing, or it may not be looked at. */
  readonly secretTrouble: (ref: SecretRef, key: string) => string | undefined;
  readonly placeOf: (section: ListSection, name: string) => ElementPlace;
}

/** That speakers read of a Secret. */
const SECRET_KEY = 'password';
const NAMED = 5;

export function clusterProblems(input: ClusterCheckInput): readonly Problem[] {
  return [...poolsInUse(input), ...namespaces(input), ...nodeSelectors(input), ...interfaces(input), ...secrets(input)];
}

function problem(
  { placeOf }: ClusterCheckInput,
  code: ProblemCode,
  [section, name]: readonly [ListSection, string],
  message: string,
): Problem {
  return { severity: problemCodes[code].severity, ...placeOf(section, name), code, message };
}

/** By the pool that they have it from: each that is gone, or too small now, with who has its addresses. */
function poolsInUse(input: ClusterCheckInput): readonly Problem[] {
  const { config, inventory } = input;
  const find = poolFinder(config.pools);
  const lost = new Map<string, string[]>();
  for (const { key, assigned, assignedPool } of inventory.services.values())
    for (const address of assigned)
      if (assignedPool !== undefined && find(address) === undefined)
        lost.set(assignedPool, [...(lost.get(assignedPool) ?? []), `${key} (${formatIpAddress(address)})`]);
  return [...lost].map(([pool, users]) => {
    const there = config.pools.some(({ name }) => name === pool);
    const what = there
      ? `pool "${pool}" no longer has addresses that are in use`
      : `pool "${pool}" is gone while it is in use`;
    return problem(
      input,
      'pool-in-use',
      ['pools', pool],
      `${what}: ${shortList(users)}\nThey keep them and are announced, and nothing new is given from there. Put the addresses back, or delete the Services.`,
    );
  });
}

function namespaces(input: ClusterCheckInput): readonly Problem[] {
  const { config, namespaces: known } = input;
  if (known === undefined) return [];
  return config.pools.flatMap(({ name, serviceAllocation }) => {
    const missing = (serviceAllocation?.namespaces ?? []).filter((one) => !known.has(one));
    if (missing.length === 0) return [];
    const what = `pool "${name}" is for ${missing.length === 1 ? 'a namespace that does' : 'namespaces that do'} not exist: ${shortList(missing)}`;
    return [
      problem(
        input,
        'unknown-namespace',
        ['pools', name],
        `${what}\nCorrect serviceAllocation.namespaces, or create it.`,
      ),
    ];
  });
}

function nodeSelectors(input: ClusterCheckInput): readonly Problem[] {
  const { config, inventory } = input;
  const nodes = [...inventory.nodes.values()];
  const nobody = (selectors: readonly LabelSelector[]): boolean =>
    !nodes.some(({ labels }) => selects(selectors, labels));
  const lists = [
    ['l2Advertisements', 'L2 advertisement', config.l2Advertisements, 'announces nothing'],
    ['bgpAdvertisements', 'BGP advertisement', config.bgpAdvertisements, 'announces nothing'],
    ['peers', 'peer', config.peers, 'has no session'],
  ] as const;
  return lists.flatMap(([section, noun, elements, follows]) =>
    elements.flatMap(({ name, nodeSelectors: selectors }) =>
      nobody(selectors)
        ? [
            problem(
              input,
              'no-node-matches',
              [section, name],
              `no node has the labels that ${noun} "${name}" selects, so it ${follows}\nCorrect its nodeSelectors, or label nodes: kubectl get nodes --show-labels.`,
            ),
          ]
        : [],
    ),
  );
}

function interfaces(input: ClusterCheckInput): readonly Problem[] {
  const { config, inventory, interfaces: known } = input;
  return config.l2Advertisements.flatMap(({ name, interfaces: wanted, nodeSelectors: selectors }) => {
    const selected = [...inventory.nodes.values()].filter(({ labels }) => selects(selectors, labels));
    const told = selected.flatMap((node) => known.get(node.name) ?? []);
    // Of a node that tells nothing nothing is known.
    if (selected.some((node) => !known.has(node.name))) return [];
    const missing = wanted.filter((one) => !told.includes(one));
    if (missing.length === 0 || selected.length === 0) return [];
    return [
      problem(
        input,
        'unknown-interface',
        ['l2Advertisements', name],
        `no node that L2 advertisement "${name}" selects has an interface ${shortList(missing)}\nThere are ${shortList([...new Set(told)].sort())}.`,
      ),
    ];
  });
}

function secrets(input: ClusterCheckInput): readonly Problem[] {
  const { config, secretTrouble } = input;
  const ofPeers = config.peers.flatMap(({ name, passwordSecret }) => {
    const trouble = passwordSecret && secretTrouble(passwordSecret, SECRET_KEY);
    return trouble === undefined
      ? []
      : [
          problem(
            input,
            'secret-missing',
            ['peers', name],
            `${trouble}, so peer "${name}" has no session\nCreate it with the key "${SECRET_KEY}".`,
          ),
        ];
  });
  const ofProfiles = config.bfdProfiles.flatMap(({ name, authentication }) => {
    const trouble = authentication?.keySecret && secretTrouble(authentication.keySecret, SECRET_KEY);
    return trouble === undefined
      ? []
      : [
          problem(
            input,
            'secret-missing',
            ['bfdProfiles', name],
            `${trouble}, so no session of BFD profile "${name}" comes up\nCreate it with the key "${SECRET_KEY}".`,
          ),
        ];
  });
  return [...ofPeers, ...ofProfiles];
}

const shortList = (names: readonly string[]): string =>
  names.length <= NAMED
    ? names.join(', ')
    : `${names.slice(0, NAMED - 1).join(', ')} and ${names.length - NAMED + 1} more`;

/** The Secrets that a configuration refers to. */
export const secretRefs = ({ peers, bfdProfiles }: Config): readonly SecretRef[] => [
  ...peers.flatMap(({ passwordSecret }) => passwordSecret ?? []),
  ...bfdProfiles.flatMap(({ authentication }) => authentication?.keySecret ?? []),
];
