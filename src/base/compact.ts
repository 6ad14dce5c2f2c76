const NONE: readonly never[] = Object.freeze([]);

/**
 * The same list without the room to grow: V8 gives a list that grew by `push` or `flatMap` room for 17 entries, and of the
 * thousands of short lists that are kept for as long as we run that is most of the memory. Empty ones are all the same one.
 */
export const compact = <T>(list: readonly T[]): readonly T[] => (list.length === 0 ? NONE : list.slice());
