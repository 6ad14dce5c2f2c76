import { unreachable } from '../base/errors.ts';
import type { Message } from './wire/message.ts';

/**
 * Whether what a member says shows that it hears. Answers do, and so does a probe of one that hears anybody at all. What a member says unasked does not: one that sends but
 * does not hear would seem alive for ever.
 */
export function showsHearing(message: Message, node: string): boolean {
  switch (message.kind) {
    case 'ack':
    case 'nack':
    case 'relayed-ack':
    case 'payload-ack':
      return true;
    case 'ping':
      return !message.state.deaf;
    case 'updates':
      // Says that it is alive: it was told of a suspicion.
      return message.updates.some((update) => update.node === node && update.status === 'alive');
    case 'hello':
    case 'challenge':
    case 'echo':
    case 'duplicate':
    case 'payload':
    case 'ping-req':
    case 'sync':
      return false;
    default:
      return unreachable(message);
  }
}
