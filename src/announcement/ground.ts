import type { IpAddress } from '../base/ip-address.ts';
import type { Config, Pool } from '../config/config.ts';
import type { ClusterNode } from '../inventory/node.ts';
import type { ServiceRequest } from '../inventory/service-request.ts';
import { type Footing, footingOf } from './footing.ts';
import { nodeVerdicts } from './node-verdicts.ts';
import { poolFinder, type Selection, selectionFinder } from './selection.ts';
import type { Serving } from './serving.ts';
import type { NodeVerdict } from './verdict.ts';

/** What all addresses stand on. */
export interface GroundFacts {
  readonly config: Config;
  readonly nodes: ReadonlyMap<string, ClusterNode>;
  readonly ignoreExcludeLb: boolean;
}

/**
 * One Ground serves until one of its facts changes, and keeps for that long what many addresses have in common, so that ten
 * thousand of them cost little more than the few that differ.
 */
export interface Ground {
  readonly facts: GroundFacts;
  poolAt(address: IpAddress): Pool | undefined;
  /** The plot of an address of that pool that these Services share. */
  plotFor(pool: string | undefined, services: readonly ServiceRequest[]): Plot;
}

/** Addresses with the same advertisements. */
interface Plot {
  /** By at least one protocol, for every Service of the address. */
  readonly advertised: boolean;
  nodes(serving: Serving, address: IpAddress): readonly NodeVerdict[];
}

export function groundOf(facts: GroundFacts): Ground {
  const { config, ignoreExcludeLb } = facts;
  const nodes = [...facts.nodes.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  const select = selectionFinder(config);
  const plots = new Map<string, Plot>();

  return {
    facts,
    poolAt: poolFinder(config.pools),
    plotFor(pool, services) {
      const selections = [...new Set(services.map(({ labels }) => select(pool, labels)))];
      const key = selections.map((one) => one.key).join('&');
      let plot = plots.get(key);
      if (plot === undefined) {
        plot = plotOf(
          selections,
          nodes.map((node) => footingOf(selections, node, config, ignoreExcludeLb)),
          config.bgp.weightedEcmp,
        );
        plots.set(key, plot);
      }
      return plot;
    },
  };
}

export const sameGround = (a: GroundFacts, b: GroundFacts): boolean =>
  a.config === b.config && a.ignoreExcludeLb === b.ignoreExcludeLb && sameNodes(a.nodes, b.nodes);

const sameNodes = (a: GroundFacts['nodes'], b: GroundFacts['nodes']): boolean =>
  a === b || (a.size === b.size && [...a].every(([name, node]) => b.get(name) === node));

function plotOf(selections: readonly Selection[], footings: readonly Footing[], weighted: boolean): Plot {
  const routed = footings.some(({ bgp }) => bgp.kind === 'fit');
  // Where the address makes no difference to the verdicts, and `serving` is one of the few objects for all of that kind.
  const common = new Map<Serving, readonly NodeVerdict[]>();
  const isCommon = ({ kind }: Serving): boolean => kind === 'nowhere' || (kind === 'anywhere' && !routed);

  return {
    advertised: selections.every(({ l2 }) => l2.length > 0) || selections.every(({ bgp }) => bgp.length > 0),
    nodes(serving, address) {
      const verdicts = common.get(serving) ?? nodeVerdicts(footings, serving, address, weighted);
      if (isCommon(serving)) common.set(serving, verdicts);
      return verdicts;
    },
  };
}
