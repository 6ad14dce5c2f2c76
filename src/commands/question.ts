import { formatIpAddress } from '../base/ip-address.ts';
import type { StatusQuery } from '../status/report.ts';

/** What a process is asked, as path and query. */
export function statusPath({ address, service, holder }: StatusQuery): string {
  const parameters = new URLSearchParams({
    ...(address === undefined ? {} : { address: formatIpAddress(address) }),
    ...(service === undefined ? {} : { service }),
    ...(holder === undefined ? {} : { holder }),
  });
  return `/status?${parameters.toString()}`;
}
