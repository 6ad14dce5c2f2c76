import { formatIpAddress, type IpAddress, sameIpAddress } from '../base/ip-address.ts';
import {
  type Applicant,
  draw,
  given,
  isAddress,
  knownPools,
  type Market,
  notServed,
  type Offer,
  refused,
} from './offer.ts';
import { addressNames, familyNames, type Refusal, refusal } from './refusal.ts';
import { sharingObstacle } from './sharing.ts';

/** The addresses that the Service names; with PreferDualStack completed from the same pool. All of them or none. */
export function offerWanted(market: Market, applicant: Applicant): Offer {
  const { request, held, families } = applicant;
  const wanted = request.wantedAddresses;
  const mismatch = familyMismatch(applicant);
  if (mismatch !== undefined) return refused(mismatch);
  const fresh = wanted.filter((address) => !held.some((own) => sameIpAddress(own, address)));
  // What only the configuration or the Service can mend comes first, so that the reason does not change with the neighbours.
  const forbidden = firstOf(wanted, (address) => forbiddenBy(market, applicant, address, fresh.includes(address)));
  if (forbidden !== undefined) return refused(forbidden);
  const home = market.pools.poolOf(wanted[0]!);
  if (wanted.some((address) => market.pools.poolOf(address) !== home))
    return refused(
      refusal(
        'pool-not-allowed',
        `${addressNames(wanted)} are in different pools; both addresses of a Service come from one pool, so ask for two of the same`,
      ),
    );
  const occupied = firstOf(fresh, (address) => occupiedBy(market, applicant, address));
  if (occupied !== undefined) return refused(occupied);
  const others = families.filter((family) => !wanted.some((address) => address.family === family));
  const completed = others.map((family) => {
    const own = held.find((address) => address.family === family && market.pools.poolOf(address) === home);
    return own ?? (home === undefined ? undefined : draw(market, applicant, home, family));
  });
  return given([...wanted, ...completed.filter(isAddress)]);
}

function familyMismatch({ request, families }: Applicant): Refusal | undefined {
  const wanted = request.wantedAddresses;
  const asked = wanted.map(({ family }) => family);
  const fits = new Set(asked).size === asked.length && asked.every((family) => families.includes(family));
  const enough = request.ipFamilyPolicy !== 'RequireDualStack' || asked.length === families.length;
  if (fits && enough) return undefined;
  const asks = wanted.length > 4 ? `${wanted.length} addresses` : `${addressNames(wanted)} (${familyNames(asked)})`;
  return refusal(
    'family-mismatch',
    `asks for ${asks}, but the Service has ${familyNames(families)} (${request.ipFamilyPolicy}); ask for one address of each family it has`,
  );
}

function firstOf(
  addresses: readonly IpAddress[],
  refuse: (address: IpAddress) => Refusal | undefined,
): Refusal | undefined {
  for (const address of addresses) {
    const why = refuse(address);
    if (why !== undefined) return why;
  }
  return undefined;
}

/** Against the rules, whoever has the address. One that the Service has already (not `fresh`) only has to be in the pool it names. */
function forbiddenBy(
  { pools }: Market,
  { request }: Applicant,
  address: IpAddress,
  fresh: boolean,
): Refusal | undefined {
  const text = formatIpAddress(address);
  const entry = pools.poolOf(address);
  if (entry === undefined) {
    return refusal(
      'address-outside-pools',
      `no pool contains ${text} (${knownPools(pools)}); add it to a pool, or ask for another address`,
    );
  }
  const name = entry.pool.name;
  if (request.wantedPool !== undefined && request.wantedPool !== name)
    return refusal(
      'pool-not-allowed',
      `asks for ${text}, which is in pool "${name}", and by annotation address-pool for pool "${request.wantedPool}"; make the two agree`,
    );
  if (!fresh) return undefined;
  if (entry.pool.retired)
    return refusal(
      'address-outside-pools',
      `${text} was in pool "${name}", which is not in the configuration any more; ask for another address`,
    );
  if (!pools.allows(entry, request)) return refusal('pool-not-allowed', notServed(text, name));
  switch (pools.exclusionOf(entry, address, request)) {
    case 'reserved':
      return refusal(
        'address-in-use',
        `${text} is reserved in pool "${name}"; ask for another address, or name this Service in the reservation`,
      );
    case 'buggy':
      return refusal(
        'address-outside-pools',
        `pool "${name}" does not give ${text} (avoidBuggyIPs leaves out .0 and .255); ask for another address`,
      );
    case undefined:
      return undefined;
  }
}

/** Somebody else has it, or had it a moment ago. */
function occupiedBy(
  { pools, book, now }: Market,
  { request, terms }: Applicant,
  address: IpAddress,
): Refusal | undefined {
  const text = formatIpAddress(address);
  const holding = book.holding(address);
  const obstacle = holding === undefined ? undefined : sharingObstacle(holding, request.key, terms);
  if (obstacle !== undefined)
    return refusal(
      terms.sharingKey === undefined ? 'address-in-use' : 'sharing-refused',
      `${obstacle}; ask for another address, or give both Services the same allow-shared-ip key and different ports`,
    );
  const freed = book.lastFreed(address);
  const entry = pools.poolOf(address);
  const space = entry?.[address.family];
  if (freed === undefined || space?.rests(freed, request.key, now) !== true) return undefined;
  return refusal(
    'address-in-use',
    `${text} was freed by ${freed.by} and rests for ${entry!.pool.reuseAfter / 1000} s (reuseAfter of pool "${entry!.pool.name}"); it is given when that is over`,
    space.dueAt(freed),
  );
}
