import type { FieldReader } from './field-reader.ts';

/** Ours wins over MetalLB's, and that over the name MetalLB used before. */
const PREFIXES = ['clarion.dev/', 'metallb.io/', 'metallb.universe.tf/'] as const;

export interface FoundAnnotation {
  /** With its prefix, as the user wrote it. */
  readonly name: string;
  readonly value: string;
}

/** The annotation under the first prefix that has it, even when it is empty there: empty means "not wanted". */
export function findAnnotation(annotations: FieldReader, name: string): FoundAnnotation | undefined {
  const full = PREFIXES.map((prefix) => `${prefix}${name}`).find((candidate) => annotations.has(candidate));
  if (full === undefined) return undefined;
  const value = annotations.text(full);
  return value === undefined ? undefined : { name: full, value: value.trim() };
}
