import { type Milliseconds, ms } from '../base/clock.ts';
import { type Decoded, decoded, malformed } from '../base/decoded.ts';

const NANOSECONDS = { ns: 1, us: 1e3, µs: 1e3, μs: 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 } as const;
const PART = /(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/y;

/** Reads Go's time.ParseDuration form, as MetalLB does: "90s", "1m30s", "300ms", "1.5h", "0". Negative ones are refused. */
export function parseDuration(text: string): Decoded<Milliseconds, string> {
  const refused = malformed(`"${shortened(text)}" is not a duration; write for example "90s", "1m30s" or "300ms"`);
  const body = text.startsWith('+') ? text.slice(1) : text;
  if (body.startsWith('-')) return malformed(`"${shortened(text)}" is negative; a duration is 0s or more`);
  if (body === '0') return decoded(ms(0));
  if (body === '' || body.length > 64) return refused;
  if (/^[\d.]+$/.test(body)) return malformed(`"${text}" has no unit; write for example "${text}s" or "${text}ms"`);
  let nanoseconds = 0;
  PART.lastIndex = 0;
  while (PART.lastIndex < body.length) {
    const part = PART.exec(body);
    if (part === null) return refused;
    nanoseconds += Number(part[1]) * NANOSECONDS[part[2] as keyof typeof NANOSECONDS];
  }
  return decoded(ms(nanoseconds / 1e6));
}

/** "1m30s", "300ms": what `parseDuration` reads back. */
export function formatDuration(duration: Milliseconds): string {
  if (duration === 0) return '0s';
  if (duration % 1000 !== 0) return `${duration}ms`;
  const total = duration / 1000;
  const parts = [
    [Math.floor(total / 3600), 'h'],
    [Math.floor(total / 60) % 60, 'm'],
    [total % 60, 's'],
  ] as const;
  return parts.map(([count, unit]) => (count === 0 ? '' : `${count}${unit}`)).join('');
}

const shortened = (text: string): string => (text.length > 40 ? `${text.slice(0, 40)}...` : text);
