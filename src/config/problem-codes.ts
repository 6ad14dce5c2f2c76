/**
 * Every code that a problem of the configuration may have: a closed set, each with its section in docs/problem-codes.md
 * (a test compares the two). A warning leaves the element in force and the exit code 0.
 */
interface CodeEntry {
  readonly severity: 'error' | 'warning';
  readonly meaning: string;
}

const error = (meaning: string) => ({ severity: 'error', meaning }) as const satisfies CodeEntry;
const warning = (meaning: string) => ({ severity: 'warning', meaning }) as const satisfies CodeEntry;

export const problemCodes = {
  'unreadable-file': error('a file cannot be read'),
  'not-yaml': error('the text cannot be read as YAML'),
  'too-large': error('the text is larger than a ConfigMap can be'),
  'too-complex': error('the text is nested too deeply, or aliases refer to themselves or expand without end'),
  'not-a-mapping': error('the configuration is a list or a single value instead of sections with names'),
  'no-configuration': error('there is no configuration in the file'),
  'two-configurations': error('a ConfigMap has both the keys config.yaml and config'),
  'several-namespaces': error('objects of MetalLB lie in several namespaces, and it reads one'),
  'mixed-dialects': error('keys of MetalLB’s legacy dialect stand beside keys of ours'),
  'unknown-key': error('no field has that name here'),
  'duplicate-key': error('the same key is written twice in one mapping'),
  'wrong-type': error('a value has the wrong type'),
  'missing-field': error('a required field is absent'),
  'bad-value': error('a value is none of those that are possible'),
  'out-of-range': error('a number, length or time is outside its limits'),
  'bad-address': error('an address, prefix or range cannot be read'),
  'bad-duration': error('a duration cannot be read'),
  'bad-selector': error('a label selector cannot hold'),
  'bad-community': error('a BGP community cannot be read'),
  'conflicting-fields': error('two fields of one element exclude each other'),
  'duplicate-name': error('two elements of a section have one name'),
  'duplicate-value': error('a list names the same thing twice'),
  'duplicate-peer': error('two peers describe the same session on the same node'),
  'duplicate-advertisement': error('two advertisements are equal'),
  'pool-overlap': error('an address would belong to two pools, or twice to one'),
  'reservation-overlap': error('two reservations of a pool share an address'),
  'unknown-pool': error('an advertisement names a pool that does not exist'),
  'unknown-peer': error('an advertisement names a peer that does not exist'),
  'unknown-bfd-profile': error('a peer names a BFD profile that does not exist'),
  'unknown-community': error('an advertisement names a community alias that does not exist'),
  'aggregation-too-short': error('an advertised aggregate would reach beyond the addresses of the pool'),
  'localpref-conflict': error('two advertisements give one prefix different localPref for the same peer and node'),
  'too-many-problems': warning('there are more problems than are listed'),
  'legacy-dialect': warning('the text is in the dialect of MetalLB up to 0.12'),
  'empty-configuration': warning('the configuration has no pool, peer or advertisement'),
  'pool-not-advertised': warning('no advertisement selects the pool'),
  'no-effect': warning('a field is accepted for MetalLB’s sake and changes nothing here'),
  'unusual-address': warning('a pool contains addresses that no Service can use'),
  'reservation-outside-pool': warning('a reservation lies outside its pool'),
  'clashing-peers': warning('two peers of a legacy configuration have the same address'),
  'pool-in-use': warning('a pool is gone or smaller while Services have its addresses'),
  'unknown-namespace': warning('a pool is for a namespace that the cluster does not have'),
  'no-node-matches': warning('node selectors match no node of the cluster'),
  'unknown-interface': warning('no selected node has an interface of that name'),
  'secret-missing': warning('a Secret that is referred to is not there, or lacks its key'),
  'password-too-long': warning('a TCP-MD5 password is longer than the kernel takes'),
} as const satisfies Record<string, CodeEntry>;

export type ProblemCode = keyof typeof problemCodes;
