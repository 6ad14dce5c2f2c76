import * as z from 'zod';
import {
  addressField,
  asnField,
  durationField,
  interfaceField,
  labelsField,
  nameField,
  rangeField,
  rangeOrAddressField,
  refuse,
  selectorField,
  selectorsField,
  uint32Field,
  unicastField,
  uniqueNames,
} from './fields.ts';

/**
 * What may be written in the ConfigMap: one schema an element, with everything that can be said about the element alone.
 * What concerns several elements is in pools.ts, advertisements.ts and peers.ts. config/clarion.schema.json is made from this file.
 * Names and rules are those of MetalLB's types IPAddressPool, L2Advertisement, BGPAdvertisement, BGPPeer (v1beta2) and BFDProfile;
 * fields of ours are marked so.
 */
const DAY = 86_400_000;
const secretReference = z.strictObject({ name: nameField, namespace: nameField.optional() });

const reservation = z.union(
  [
    rangeOrAddressField.transform((range) => ({ range, service: undefined })),
    z
      .strictObject({ address: rangeOrAddressField, service: z.string().optional() })
      .superRefine(({ service }, context) => {
        if (service !== undefined && !/^[a-z0-9][-a-z0-9]*\/[a-z0-9][-a-z0-9]*$/.test(service))
          refuse(context, 'bad-value', `"${service}" is not the name of a Service; write namespace/name`, ['service']);
      })
      .transform(({ address, service }) => ({ range: address, service })),
  ],
  { error: 'an address, a range, or {address, service}' },
);

export const poolSchema = z
  .strictObject({
    name: nameField,
    labels: labelsField.optional().meta({ description: 'Ours: what ipAddressPoolSelectors select by.' }),
    addresses: z.array(rangeField).min(1).meta({ description: 'Prefixes or FIRST-LAST.' }),
    autoAssign: z.boolean().default(true),
    avoidBuggyIPs: z.boolean().default(false).meta({ description: 'Skip IPv4 addresses that end in .0 or .255.' }),
    serviceAllocation: z
      .strictObject({
        priority: z.int().min(0).max(2_147_483_647).default(0).meta({ description: '1 is the highest, 0 the lowest.' }),
        namespaces: uniqueNames.optional(),
        namespaceSelectors: selectorsField.optional(),
        serviceSelectors: selectorsField.optional(),
      })
      .optional(),
    reserved: z
      .array(reservation)
      .optional()
      .meta({ description: 'Ours: never handed out, or only to the Service named.' }),
    reuseAfter: durationField(0, 30 * DAY)
      .optional()
      .meta({ description: 'Ours: a freed address rests this long.' }),
  })
  .meta({ description: 'Addresses for Services.' });

const advertisementFields = {
  name: nameField.optional(),
  ipAddressPools: uniqueNames.optional(),
  ipAddressPoolSelectors: selectorsField.optional(),
  nodeSelectors: selectorsField.optional(),
  serviceSelectors: selectorsField.optional(),
};

export const l2AdvertisementSchema = z
  .strictObject({
    ...advertisementFields,
    interfaces: z.array(interfaceField).optional(),
    preferredNodeSelectors: z
      .array(z.strictObject({ weight: z.int().min(1).max(100), preference: selectorField }))
      .optional(),
  })
  .meta({ description: 'Which pools are announced by ARP and NDP, and where.' });

export const bgpAdvertisementSchema = z
  .strictObject({
    ...advertisementFields,
    aggregationLength: z.int().min(1).max(32).default(32),
    aggregationLengthV6: z.int().min(1).max(128).default(128),
    localPref: uint32Field.optional(),
    communities: uniqueNames.optional(),
    peers: uniqueNames.optional(),
  })
  .superRefine(({ serviceSelectors, aggregationLength, aggregationLengthV6 }, context) => {
    if (serviceSelectors === undefined || serviceSelectors.length === 0) return;
    const field =
      aggregationLength !== 32 ? 'aggregationLength' : aggregationLengthV6 !== 128 ? 'aggregationLengthV6' : undefined;
    if (field === undefined) return;
    refuse(context, 'conflicting-fields', `"${field}" and "serviceSelectors" exclude each other; remove one of them`, [
      field,
    ]);
  })
  .meta({ description: 'Which pools are announced by BGP, how, and to whom.' });

export const peerSchema = z
  .strictObject({
    name: nameField,
    myASN: asnField,
    peerASN: asnField.optional(),
    dynamicASN: z.enum(['internal', 'external']).optional(),
    localASN: asnField.optional(),
    peerAddress: unicastField.optional(),
    interface: interfaceField.optional(),
    peerPort: z.int().min(1).max(65_535).default(179),
    sourceAddress: unicastField.optional(),
    routerID: addressField.optional(),
    holdTime: durationField(0, 65_535_000).optional(),
    keepaliveTime: durationField(0, 65_535_000).optional(),
    connectTime: durationField(1000, 65_535_000).optional(),
    password: z.string().min(1).optional(),
    passwords: z
      .array(z.string().min(1))
      .min(1)
      .max(2)
      .optional()
      .meta({ description: 'Ours: [current, next], for a rotation.' }),
    passwordSecret: secretReference.optional(),
    ebgpMultiHop: z.boolean().default(false),
    ttlSecurity: z.boolean().default(false).meta({ description: 'Ours: RFC 5082.' }),
    bfdProfile: z.string().min(1).optional(),
    enableGracefulRestart: z.boolean().default(false),
    vrf: interfaceField.optional(),
    nodeSelectors: selectorsField.optional(),
    passive: z.boolean().default(false).meta({ description: 'Ours: wait for the peer to connect.' }),
    role: z
      .enum(['provider', 'rs-server', 'rs-client', 'customer', 'peer'])
      .optional()
      .meta({ description: 'Ours: RFC 9234.' }),
    disableMP: z.boolean().optional().meta({ description: 'Accepted, without effect.' }),
    dualStackAddressFamily: z.boolean().optional().meta({ description: 'Accepted, without effect.' }),
  })
  .meta({ description: 'A router to speak BGP with.' });

const bfdInterval = z.int().min(10).max(60_000).meta({ description: 'Milliseconds.' });
export const bfdProfileSchema = z
  .strictObject({
    name: nameField,
    receiveInterval: bfdInterval.default(300),
    transmitInterval: bfdInterval.default(300),
    detectMultiplier: z.int().min(2).max(255).default(3),
    echoInterval: bfdInterval.default(50),
    echoMode: z.boolean().default(false),
    passiveMode: z.boolean().default(false),
    minimumTtl: z.int().min(1).max(254).default(254),
    authentication: z
      .strictObject({
        type: z.enum(['simple-password', 'keyed-sha1', 'meticulous-keyed-sha1']),
        keyId: z.int().min(0).max(255),
        key: z.string().min(1).optional(),
        keySecret: secretReference.optional(),
      })
      .superRefine(({ type, key, keySecret }, context) => {
        if ((key === undefined) === (keySecret === undefined))
          refuse(context, 'conflicting-fields', 'needs either "key" or "keySecret"');
        // RFC 5880 §4.2 and §4.4: 1 to 16 bytes, and 20 bytes padded with zeros.
        const most = type === 'simple-password' ? 16 : 20;
        if (key !== undefined && Buffer.byteLength(key) > most)
          refuse(context, 'out-of-range', `has more than the ${most} bytes that ${type} takes`, ['key']);
      })
      .optional()
      .meta({ description: 'Ours: RFC 5880 §6.7.' }),
  })
  .meta({ description: 'Timers of a BFD session.' });

const defaults = <T extends z.ZodType>(schema: T) => schema.prefault({} as never);

const layer2Schema = z.strictObject({
  gratuitous: defaults(
    z.strictObject({
      rounds: z.int().min(1).max(100).default(5),
      // Longer than Linux' locktime of 1 s, within which a neighbour ignores a second change (arp(7)).
      interval: durationField(100, 60_000).prefault('1100ms'),
      refresh: durationField(0, DAY).prefault('60s').meta({ description: '0: never.' }),
      ratePerSecond: z.int().min(1).max(1_000_000).default(5000).meta({ description: 'Frames, for the whole node.' }),
    }),
  ),
  conflictProbe: defaults(
    z.strictObject({
      count: z.int().min(0).max(10).default(2).meta({ description: '0: never.' }),
      wait: durationField(1, 10_000).prefault('30ms'),
    }),
  ),
});

const membershipSchema = z.strictObject({
  profile: z.enum(['default', 'fast']).default('default'),
  port: z.int().min(1).max(65_535).default(7946),
  settleTime: durationField(0, 600_000).prefault('1s'),
});

const electionSchema = z.strictObject({
  rebalance: z
    .union([z.literal('off'), z.strictObject({ perMinute: z.int().min(1).max(100_000) })], {
      error: 'off or {perMinute: NUMBER}',
    })
    .default('off'),
});

const bgpSchema = z.strictObject({
  // RFC 4724 §3: twelve bits of seconds.
  restartTime: durationField(0, 4_095_000).prefault('120s'),
  drainWait: durationField(0, 600_000).prefault('5s'),
  weightedEcmp: z.boolean().default(false),
});

export const settingsSchemas = {
  layer2: layer2Schema,
  membership: membershipSchema,
  election: electionSchema,
  bgp: bgpSchema,
};

/** The whole text. The judge reads it section by section; this is for the published schema and the names of the sections. */
export const configSchema = z
  .strictObject({
    pools: z.array(poolSchema).optional(),
    l2Advertisements: z.array(l2AdvertisementSchema).optional(),
    bgpAdvertisements: z.array(bgpAdvertisementSchema).optional(),
    peers: z.array(peerSchema).optional(),
    bfdProfiles: z.array(bfdProfileSchema).optional(),
    layer2: layer2Schema.optional(),
    membership: membershipSchema.optional(),
    election: electionSchema.optional(),
    bgp: bgpSchema.optional(),
    communities: z.record(z.string(), z.string()).optional(),
  })
  .meta({ title: 'Clarion', description: 'The text in the key config.yaml of the ConfigMap.' });

export type PoolDraft = z.output<typeof poolSchema>;
export type L2AdvertisementDraft = z.output<typeof l2AdvertisementSchema>;
export type BgpAdvertisementDraft = z.output<typeof bgpAdvertisementSchema>;
export type PeerDraft = z.output<typeof peerSchema>;
export type BfdProfileDraft = z.output<typeof bfdProfileSchema>;
