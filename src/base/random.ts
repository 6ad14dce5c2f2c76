import { randomBytes } from 'node:crypto';

/** Injected randomness: unit tests and the simulation hand in a seeded one. */
export interface Random {
  /** Uniform in [0, 1). */
  fraction(): number;
  bytes(count: number): Uint8Array;
}

export const systemRandom: Random = {
  fraction: () => Math.random(),
  bytes: (count) => randomBytes(count),
};
