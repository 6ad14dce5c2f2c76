/** Custom resources of MetalLB as text, and what a migration makes of them. */
import { judgeConfig } from '../../src/config/judge.ts';
import { type Migration, migrate } from '../../src/config/migration.ts';

export const resource = (kind: string, name: string, spec: string, version = 'v1beta1', namespace = 'metallb-system') =>
  `apiVersion: metallb.io/${version}\nkind: ${kind}\nmetadata: {name: ${name}, namespace: ${namespace}}\nspec: {${spec}}\n`;

export const pool = (spec = '', addresses = '10.20.0.0/16', name = 'p') =>
  resource('IPAddressPool', name, `addresses: [${addresses}]${spec === '' ? '' : `, ${spec}`}`);
export const l2 = (spec = '', name = 'l') => resource('L2Advertisement', name, spec);
export const bgp = (spec = '', name = 'b') => resource('BGPAdvertisement', name, spec);
export const peer = (more = '', name = 'tor', version = 'v1beta2') =>
  resource('BGPPeer', name, `myASN: 42, peerASN: 142, peerAddress: 1.2.3.4${more === '' ? '' : `, ${more}`}`, version);
export const bareP = (spec: string, name = 'tor') => resource('BGPPeer', name, spec, 'v1beta2');
export const bfd = (spec = '', name = 'fast') => resource('BFDProfile', name, spec);
export const aliases = (list: string, name = 'c') => resource('Community', name, `communities: [${list}]`);
export const all = (...documents: readonly string[]): string => documents.join('---\n');

export const migrated = (text: string, options = {}): Migration => migrate([{ file: 'm.yaml', text }], options);
export const codes = ({ problems }: Migration): readonly string[] =>
  problems.flatMap(({ severity, code }) => (severity === 'error' ? [code] : []));

/** The configuration that the migration gives, judged as any other. */
export function judged(migration: Migration) {
  if (migration.text === undefined) throw new Error(`nothing was migrated: ${JSON.stringify(migration.problems)}`);
  return judgeConfig({ file: 'out.yaml', text: migration.text });
}
