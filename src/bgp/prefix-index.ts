import type { Prefix } from '../base/prefix.ts';

/** Small numbers for prefixes, shared by all peers of a process. */
export declare class PrefixIndex {
  idOf(prefix: Prefix): number | undefined;
}
