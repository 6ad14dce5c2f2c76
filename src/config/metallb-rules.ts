import { advertisementSelects } from './advertisements.ts';
import type { Config } from './config.ts';
import type { Element, Findings, ListSection } from './element.ts';

/**
 * MetalLB refuses to announce IPv6 pools to a peer whose BFD profile has echo mode.
 *
 * Standards: MetalLB's internal/config/validation.go, validateConfig.
 */
export function reportEcho(config: Pick<Config, ListSection>, peers: readonly Element[], findings: Findings): void {
  const echoing = new Set(config.bfdProfiles.filter(({ echoMode }) => echoMode).map(({ name }) => name));
  const six = config.pools.filter(({ ranges }) => ranges.some(({ family }) => family === 'ipv6'));
  for (const peer of config.peers.filter(({ bfdProfile }) => bfdProfile !== undefined && echoing.has(bfdProfile))) {
    const element = peers.find(({ name }) => name === peer.name);
    const toPeer = config.bgpAdvertisements.filter((one) => one.peers.length === 0 || one.peers.includes(peer.name));
    const pool = six.find((candidate) => toPeer.some((one) => advertisementSelects(one, candidate)));
    if (element === undefined || pool === undefined) continue;
    const message = `the BFD profile of peer "${peer.name}" has echoMode, and pool "${pool.name}", which is announced to it, has IPv6: MetalLB refuses that`;
    findings.report(element, 'conflicting-fields', ['bfdProfile'], message);
  }
}
