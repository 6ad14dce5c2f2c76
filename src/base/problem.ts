/** Something wrong with what a user wrote: the same shape in `validate`, `plan`, logs, conditions and the status page. */
export interface Problem {
  readonly severity: 'error' | 'warning';
  readonly file: string;
  /** 1-based; 1:1 where the place is not known. */
  readonly line: number;
  readonly column: number;
  /** A stable word from the documented list: `pool-overlap`, `unknown-key`, ... */
  readonly code: string;
  /** "Kind namespace/name" where the problem lies in a Kubernetes object. */
  readonly object?: string;
  /** What is wrong, what follows from it, and what to do. */
  readonly message: string;
}
