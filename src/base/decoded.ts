/** The outcome of reading something that somebody else wrote: a value, or the reason why there is none. Never throws. */
export type Decoded<T, E> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: E };
export const decoded = <T>(value: T): { readonly ok: true; readonly value: T } => ({ ok: true, value });
export const malformed = <E>(error: E): { readonly ok: false; readonly error: E } => ({ ok: false, error });
