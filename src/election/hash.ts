/**
 * A quick hash of text, good in spread and nothing else: part of the protocol wherever nodes must come to the same answer,
 * so it never changes. A cryptographic hash would spread as well but costs far more, and this runs in the thread that
 * answers ARP, for every address of a node that died.
 */

/** Two independent lanes of 32 bits make a value of 64. */
export const HIGH_SEED = 0x811c9dc5;
export const LOW_SEED = 0x9e3779b9;

/** FNV-1a over the code units (names and addresses are ASCII), finished by `mix`. */
export function textHash(text: string, seed: number): number {
  let hash = seed;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return mix(hash);
}

/** The 32-bit finaliser of MurmurHash3: every bit of the input reaches every bit of the output. */
export function mix(value: number): number {
  let x = value;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
}
