/** How many seeds the simulations play, and which: CLARION_SEEDS=5000 for more of all, CLARION_SEED=N for that one alone. */
const only = process.env['CLARION_SEED'];
const SEEDS = Number(process.env['CLARION_SEEDS'] ?? 150);

/** `share`: of all, for tests that cost more. */
export const seeds = (share: number): readonly number[] =>
  only === undefined ? Array.from({ length: Math.ceil(SEEDS * share) }, (_, i) => i + 1) : [Number(only)];

/** Milliseconds: tests of many seeds take their time. */
export const PATIENCE = 60_000 + SEEDS * 500;
