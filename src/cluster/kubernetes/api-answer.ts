import { type Milliseconds, ms, seconds } from '../../base/clock.ts';
import { type Decoded, decoded, malformed } from '../../base/decoded.ts';
import { messageOf } from '../../base/errors.ts';
import { fieldsOf } from '../../base/fields.ts';
import type { StatusFailure } from './api-client.ts';

/** Longest Retry-After that is believed: whoever asks for more is broken, and we must come back. */
const RETRY_AFTER_LIMIT = seconds(120);
const SHOWN_CHARACTERS = 300;

/** JSON where the header says so, else the text. */
export function parseBody(text: string, contentType: string | undefined): Decoded<unknown, string> {
  if (contentType === undefined || !/\bjson\b/.test(contentType)) return decoded(text);
  try {
    return decoded(JSON.parse(text) as unknown);
  } catch (thrown) {
    return malformed(`the answer is no JSON: ${messageOf(thrown)}`);
  }
}

/** `body` as parseBody gave it: a metav1.Status, or whatever something between us and the server says. */
export function statusFailure(code: number, retryAfter: string | undefined, body: unknown): StatusFailure {
  const { reason, message, details } = fieldsOf(body);
  const said = typeof message === 'string' && message !== '' ? message : typeof body === 'string' ? body : '';
  const line = said.replace(/\s+/g, ' ').trim().slice(0, SHOWN_CHARACTERS);
  return {
    kind: 'status',
    code,
    reason: typeof reason === 'string' ? reason : '',
    message: line === '' ? `HTTP ${code}` : `HTTP ${code}: ${line}`,
    retryAfter: waitOf(Number(retryAfter ?? Number.NaN)) ?? waitOf(fieldsOf(details)['retryAfterSeconds']),
    body,
  };
}

/** Only the form in seconds: a date would compare the server's clock with ours. */
const waitOf = (count: unknown): Milliseconds | undefined =>
  typeof count === 'number' && count > 0 ? ms(Math.min(count * 1000, RETRY_AFTER_LIMIT)) : undefined;
