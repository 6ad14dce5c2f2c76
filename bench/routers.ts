import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Feed } from '../src/lab/feed.ts';
import type { Lab } from '../src/lab/lab.ts';
import type { RouterManner, RouterNews } from './raw-router.ts';

const OUR_ASN = 64_512;
const ROUTER_ASN = 64_513;

/** Starts raw-router.ts in a host; it speaks of the first `watched` addresses of the pool only. */
export function startRawRouter(
  lab: Lab,
  host: string,
  manner: RouterManner,
  address: string,
  watched: number,
): Feed<RouterNews> {
  const program = [process.execPath, '--import', import.meta.resolve('tsx')];
  const source = fileURLToPath(new URL('raw-router.ts', import.meta.url));
  const child = lab.spawn(host, [...program, source, manner, address, String(ROUTER_ASN), String(watched)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const news = new Feed<RouterNews>();
  if (child.stdout !== null)
    createInterface(child.stdout).on('line', (line) => news.push(JSON.parse(line) as RouterNews));
  return news;
}

/** Peers and advertisements for config.yaml, indented as the text of the ConfigMap is. */
export const bgpConfig = (peers: Readonly<Record<string, string>>): string => `    peers:
${Object.entries(peers)
  .map(
    ([name, address]) =>
      `    - {name: ${name}, myASN: ${OUR_ASN}, peerASN: ${ROUTER_ASN}, peerAddress: ${address}, connectTime: 1s}\n`,
  )
  .join('')}    bgpAdvertisements:
    - {}
`;
