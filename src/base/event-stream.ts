/** text/event-stream (HTML Living Standard §9.2), as far as a sender of whole texts and their reader need it. */
export interface StreamEvent {
  readonly event: string;
  readonly data: string;
}

export const encodeEvent = ({ event, data }: StreamEvent): string =>
  `event: ${event}\n${data
    .split('\n')
    .map((line) => `data: ${line}\n`)
    .join('')}\n`;

/** A comment: it shows that the sender lives, and is no event. */
export const HEARTBEAT = ':\n\n';

/** Puts events together from lines, as they arrive without their end. */
export class EventReader {
  #event = '';
  #data: string[] = [];

  /** The event that this line ends. */
  line(line: string): StreamEvent | undefined {
    if (line === '') return this.#end();
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
    if (field === 'event') this.#event = value;
    else if (field === 'data') this.#data.push(value);
    return undefined;
  }

  #end(): StreamEvent | undefined {
    const event = this.#event === '' ? 'message' : this.#event;
    const data = this.#data;
    this.#event = '';
    this.#data = [];
    return data.length === 0 ? undefined : { event, data: data.join('\n') };
  }
}
