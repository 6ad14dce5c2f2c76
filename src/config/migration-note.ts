import { type Element, NOUNS } from './element.ts';
import type { ConfigText } from './source.ts';

/** One line of the report of a migration: what became of an object or a field of MetalLB's. */
export interface MigrationNote {
  /**
   * `converted`: it is in the new configuration; `no-equivalent`: it is not; `differs`: it is, and means something else here, or
   * something is to be done; `ignored`: MetalLB did not read it either.
   */
  readonly kind: 'converted' | 'no-equivalent' | 'differs' | 'ignored';
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** "Kind namespace/name". */
  readonly object: string;
  readonly field?: string;
  readonly message: string;
}

export function noteOf(
  kind: MigrationNote['kind'],
  text: ConfigText,
  at: number,
  message: string,
  field?: string,
): MigrationNote {
  const { line, column } = text.positionOf(at);
  const { file, object = 'ConfigMap' } = text;
  return { kind, file, line, column, object, ...(field === undefined ? {} : { field }), message };
}

/** `pool "public"`. */
export const calledBriefly = ({ section, name = '' }: Element): string => `${NOUNS[section]} "${name}"`;
