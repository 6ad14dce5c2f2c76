import type { Config, L2Advertisement } from './config.ts';
import type { Findings, SettingsSection } from './element.ts';
import { readElement } from './issues.ts';
import { settingsSchemas } from './schema.ts';
import type { Sections } from './sections.ts';

/** The settings of layer 2, membership, election and BGP: a bad section falls back to its defaults as a whole. */
type Settings = Pick<Config, SettingsSection>;

export function judgeSettings(sections: Sections, findings: Findings): Settings {
  const read = <T>(section: SettingsSection, schema: Parameters<typeof readElement<T>>[0]): T | undefined => {
    const element = sections.settings(section);
    return element === undefined ? undefined : readElement(schema, element, findings);
  };
  const defaults = emptyConfig();
  const election = read('election', settingsSchemas.election);
  return {
    layer2: read('layer2', settingsSchemas.layer2) ?? defaults.layer2,
    membership: read('membership', settingsSchemas.membership) ?? defaults.membership,
    election: election === undefined ? defaults.election : electionOf(election),
    bgp: read('bgp', settingsSchemas.bgp) ?? defaults.bgp,
  };
}

let defaultSettings: Settings | undefined;

/** With neither advertisement list, everything is announced by layer 2. */
const IMPLIED: L2Advertisement = {
  name: 'default',
  ipAddressPools: [],
  ipAddressPoolSelectors: [],
  nodeSelectors: [],
  serviceSelectors: [],
  interfaces: [],
  preferredNodeSelectors: [],
};

/** What holds where nothing is written: every default, and the advertisement that is implied. */
export function emptyConfig(): Config {
  defaultSettings ??= {
    layer2: settingsSchemas.layer2.parse({}),
    membership: settingsSchemas.membership.parse({}),
    election: electionOf(settingsSchemas.election.parse({})),
    bgp: settingsSchemas.bgp.parse({}),
  };
  return {
    pools: [],
    l2Advertisements: [IMPLIED],
    bgpAdvertisements: [],
    peers: [],
    bfdProfiles: [],
    ...defaultSettings,
  };
}

const electionOf = ({
  rebalance,
}: {
  readonly rebalance: 'off' | { readonly perMinute: number };
}): Config['election'] => ({
  rebalancePerMinute: rebalance === 'off' ? undefined : rebalance.perMinute,
});
