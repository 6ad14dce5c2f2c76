import type { Lab } from '../src/lab/lab.ts';

/** Something that keeps an address answered on the three nodes of lan.ts, as the failover benchmarks see it. */
export interface Contender {
  readonly name: string;
  readonly lab: Lab;
  /** Until the address answers. */
  start(): Promise<void>;
  /** Nothing that it does, or that a crash of it does, is orderly. */
  kill(node: string): void;
  /** After `kill`, or when a fault is over: it runs there. */
  revive(node: string): Promise<void>;
  /** All nodes are there again, and know it. */
  settled(): Promise<void>;
}
