import { HEADER } from './constants.ts';
import { headerFault, lengthAt } from './header.ts';
import type { MessageError, WireContext } from './message.ts';

export type Framed =
  | { readonly kind: 'message'; readonly bytes: Uint8Array }
  /** The stream is of no more use; asked again, it says the same. */
  | { readonly kind: 'error'; readonly error: MessageError };

const NOTHING = new Uint8Array(0);
/** Where octets drip in one by one, so that they are not copied for each. */
const LEAST_BUFFER = 512;

/**
 * A stream of octets, cut anywhere, to whole messages. It holds what was added last and the beginning of one message, which
 * cannot be longer than its checked header says; so take all that there is before adding more.
 */
export class Framer {
  #bytes: Uint8Array = NOTHING;
  #start = 0;
  #end = 0;
  /** The buffer is ours, not a chunk that somebody gave us. */
  #owned = false;

  /** The chunk is not copied unless it ends within a message: it must stay as it is until all was taken. */
  add(chunk: Uint8Array): void {
    const held = this.#end - this.#start;
    if (held === 0) {
      this.#bytes = chunk;
      this.#start = 0;
      this.#end = chunk.length;
      this.#owned = false;
      return;
    }
    const needed = held + chunk.length;
    if (!this.#owned || this.#end + chunk.length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(LEAST_BUFFER, needed * 2));
      larger.set(this.#bytes.subarray(this.#start, this.#end));
      this.#bytes = larger;
      this.#start = 0;
      this.#end = held;
      this.#owned = true;
    }
    this.#bytes.set(chunk, this.#end);
    this.#end += chunk.length;
  }

  /**
   * The next whole message, a view that is valid until octets are added; undefined: more are needed. The limit is asked for
   * each time, since an OPEN changes it.
   */
  next(context: Pick<WireContext, 'extendedMessage'>): Framed | undefined {
    const error = headerFault(this.#bytes, this.#start, this.#end, context);
    if (error !== undefined) return { kind: 'error', error };
    const held = this.#end - this.#start;
    if (held < HEADER) return undefined;
    const length = lengthAt(this.#bytes, this.#start);
    if (held < length) return undefined;
    const bytes = this.#bytes.subarray(this.#start, this.#start + length);
    this.#start += length;
    return { kind: 'message', bytes };
  }
}
