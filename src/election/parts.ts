import type { Instance } from '../membership/member.ts';
import type { Part } from './wire/message.ts';

/** Which parts of which list have come. Parts come twice and in no order; of a sender only the newest list counts. */
export class Parts {
  readonly #lists = new Map<Instance, { readonly sequence: number; readonly missing: Set<number> }>();

  /** True with the last missing part. */
  complete(sender: Instance, { sequence, index, count }: Part): boolean {
    let list = this.#lists.get(sender);
    if (list === undefined || list.sequence < sequence) {
      list = { sequence, missing: new Set(Array.from({ length: count }, (_, i) => i)) };
      this.#lists.set(sender, list);
    }
    return list.sequence === sequence && list.missing.delete(index) && list.missing.size === 0;
  }

  forget(sender: Instance): void {
    this.#lists.delete(sender);
  }
}
